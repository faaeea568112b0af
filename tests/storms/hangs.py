"""Running a program that might hang: before it is killed it is asked where it stands."""
import os
import shutil
import signal
import subprocess


def stacks_of(group):
    """What gdb says of every process of a process group."""
    if shutil.which("gdb") is None:
        return "gdb is not installed: no stacks"
    said = []
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            if os.getpgid(int(name)) != group:
                continue
            said.append(subprocess.run(
                ["gdb", "-batch", "-nx", "-p", name, "-ex", "thread apply all bt 30"],
                stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=120,
                universal_newlines=True).stdout)
        except (OSError, subprocess.TimeoutExpired) as e:
            said.append("pid %s: %s" % (name, e))
    return "\n".join(said)


def run(test, argv, environment, seconds):
    """The program's output. Fails the test, with all stacks, when it hangs or ends otherwise than
    with 0. `seconds`: far more than it takes."""
    process = subprocess.Popen(argv, env=environment, cwd=test.directory, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, stdin=subprocess.DEVNULL,
                               start_new_session=True)
    try:
        output, errors = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        stacks = stacks_of(process.pid)
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        test.fail("%s hangs:\n%s" % (argv[0], stacks))
    test.assertEqual(process.returncode, 0, "%s: %r" % (argv[0], errors[-2000:]))
    return output
