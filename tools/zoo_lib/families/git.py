"""git on a repository that is made for it."""
from zoo_lib.program import Command

SCRIPT = """
set -e
export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b
export GIT_AUTHOR_DATE='1700000000 +0000' GIT_COMMITTER_DATE='1700000000 +0000'
export GIT_CONFIG_NOSYSTEM=1
git init -q -b main one && cd one
for i in $(seq 80); do mkdir -p d$((i % 7)); seq $i $((i + 400)) >d$((i % 7))/f$i; done
git add . && git commit -qm one
for n in 1 2 3 4 5; do
  for i in $(seq $n 80); do echo $i $n >>d$((i % 7))/f$i; done
  git commit -qam "change $n"
done
git branch side HEAD~2 && git checkout -q side && echo x >new && git add new
git commit -qm side && git checkout -q main && git merge -q -m merged side
git repack -q -a -d -f && git gc -q && git fsck --strict
cd .. && git clone -q --no-local one two && cd two && git gc -q --aggressive && git fsck --strict
git log --stat | sha256sum; git rev-list --objects --all | sort | sha256sum
git diff HEAD~3 | sha256sum; git blame d1/f1 | sha256sum; git grep -c 77 | sha256sum
git archive HEAD | sha256sum; git rebase -q HEAD~2; git log --format=%H -3
git show absent
"""


def programs():
    return [Command("git", "init, commits, merge, gc, clone, fsck, log, blame, archive, rebase",
                    ["bash", "-c", SCRIPT], (("git", "git"), ("bash", "bash")),
                    expects=("git",))]
