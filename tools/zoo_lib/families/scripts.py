"""Interpreters of scripts, each on a script of its own language."""
from zoo_lib.program import Command

BASH = r"""
declare -A lengths; items=()
for ((i = 0; i < 4000; i++)); do items+=("item $i"); done
for x in "${items[@]}"; do lengths[$x]=${#x}; done
f() { local n=$1; ((n < 2)) && echo 1 || echo $((n * $(f $((n - 1))))); }
echo ${#lengths[@]} $(f 12)
for i in 1 2 3 4 5 6 7 8; do (exec sh -c "exit $i"); echo -n "$? "; done
seq 20000 | sort -r | awk '{ n += $1; s = s $1 } END { print n, length(s) }' | sed s/0/o/g
cat <(seq 3) <(seq 4) | md5sum; diff <(seq 5) <(seq 6); coproc cat; exec {COPROC[1]}>&-; wait
trap 'echo trapped' USR1; kill -USR1 $$; printf '%s\n' {a..e}{1..9} | tr '\n' ' '
find /usr/share/doc -maxdepth 1 -name 'lib*' | head -200 | xargs -n 20 echo | wc -c
exit 7
"""

PERL = r"""
my %h; $h{$_ % 997} .= chr(65 + $_ % 26) for 1 .. 200000;
print join(",", map { length $h{$_} } sort { $a <=> $b } keys %h), "\n";
for (1 .. 3000) { my $x = join ",", map { $_ * 2 } 1 .. 20; $x =~ s/(\d+),/<$1>/g; $n += length $x }
eval { die { a => $_ } } for 1 .. 5000;
for my $i (1 .. 8) { my $pid = fork // die; if (!$pid) { my @a = (1) x 10000; exit $i }
  waitpid $pid, 0; print $? >> 8, " " }
use Storable qw(freeze thaw); use Digest::SHA qw(sha256_hex); use List::Util qw(sum shuffle);
use Encode; use Data::Dumper; $Data::Dumper::Sortkeys = 1;
print sha256_hex(Dumper(thaw(freeze(\%h)))), " ", sum(1 .. 1000), " $n\n"; exit 3;
"""

RUBY = r"""
require 'json'; require 'digest'; require 'set'; require 'zlib'
h = (1..40000).to_h { |i| ["k#{i}", [i] * (i % 7)] }
s = JSON.generate(h); puts Digest::SHA256.hexdigest(s), JSON.parse(s).size
puts Zlib::Inflate.inflate(Zlib::Deflate.deflate(s)).size
t = (1..8).map { |n| Thread.new { (1..20000).reduce { |a, b| (a * b) % 1000003 } + n } }
p t.map(&:value), Set.new(s.scan(/\d+/)).size
f = Fiber.new { 1000.times { |i| Fiber.yield 'x' * i } }; p (1..1000).sum { f.resume.size }
3.times { |i| pid = fork { a = Array.new(10000) { |j| j.to_s }; exit! a.size % 7 + i }
  Process.wait pid; print $?.exitstatus, ' ' }
GC.start; GC.compact if GC.respond_to?(:compact); puts `echo child`; exit 5
"""

PHP = r"""
$a = []; for ($i = 0; $i < 100000; $i++) $a["k$i"] = str_repeat(chr(65 + $i % 26), $i % 50);
ksort($a); echo md5(serialize($a)), " ", strlen(json_encode($a)), "\n";
echo preg_match_all('/k\d+5/', implode(',', array_keys($a))), "\n";
function g($n) { for ($i = 0; $i < $n; $i++) yield new ArrayObject([$i]); }
$s = 0; foreach (g(20000) as $o) $s += $o[0]; echo $s, " ", shell_exec('echo child'); exit(4);
"""


class Bash(Command):
    # Subshells that exec replaced by a program too short for a recording; SIGPIPE.
    killed = ("bash", "find")


def programs():
    return [
        Bash("bash", "loops, arrays, pipes, subshells, traps", ["bash", "-c", BASH],
             (("bash", "bash"),), quick=True),
        Command("perl", "hashes, expressions, exceptions, fork", ["perl", "-e", PERL],
                (("perl", "perl"),), repeatable=True, quick=True),
        Command("ruby", "JSON, threads, fibers, fork, GC", ["ruby", "-e", RUBY],
                (("ruby", "ruby"),), expects=()),
        Command("php", "arrays, serialisation, generators", ["php", "-n", "-r", PHP],
                (("php", "php-cli"),), repeatable=True, expects=()),
    ]
