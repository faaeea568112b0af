"""Programs that compile at run time: node, java."""
import os

from zoo_lib.program import Command, Program

NODE = r"""
const zlib = require('zlib'), crypto = require('crypto'), { Worker } = require('worker_threads');
const { execFileSync } = require('child_process');
const m = new Map(); for (let i = 0; i < 200000; i++) m.set('k' + i, [i]);
const b = []; for (let i = 0; i < 400; i++) b.push(Buffer.alloc(20000, i));
const z = zlib.brotliCompressSync(zlib.deflateSync(Buffer.concat(b)));
console.log(m.size, z.length, crypto.scryptSync('a', 'b', 32).toString('hex'));
console.log(JSON.parse(JSON.stringify([...m.keys()])).length,
  execFileSync('/bin/echo', ['child']).toString().trim());
let left = 3; for (let n = 0; n < 3; n++) new Worker(
  `const a = []; for (let i = 0; i < 30000; i++) a.push({ i });
   require('worker_threads').parentPort.postMessage(a.length)`, { eval: true })
  .on('message', x => { if (x !== 30000) console.log('wrong'); })
  .on('exit', () => { if (!--left) { console.log('workers done'); process.exitCode = 3; } });
"""

JAVA = """
import java.util.*;
import java.util.stream.*;
import java.util.zip.*;
public class Zoo {
  public static void main(String[] args) throws Exception {
    Map<String, List<Integer>> m = new TreeMap<>();
    for (int i = 0; i < 300000; i++)
      m.computeIfAbsent("k" + i % 5000, k -> new ArrayList<>()).add(i);
    System.out.println(m.hashCode());
    System.out.println(IntStream.range(0, 200000).parallel().mapToObj(Integer::toString)
        .collect(Collectors.joining(",")).hashCode());
    Thread[] threads = new Thread[16];
    long[] sums = new long[16];
    for (int t = 0; t < 16; t++) {
      final int n = t;
      threads[t] = new Thread(() -> {
        byte[] in = new byte[100000], out = new byte[200000];
        Arrays.fill(in, (byte) n);
        for (int i = 0; i < 30; i++) {
          Deflater d = new Deflater(); d.setInput(in); d.finish(); sums[n] += d.deflate(out);
          d.end();
        }
      });
      threads[t].start();
    }
    for (Thread t : threads) t.join();
    System.out.println(Arrays.toString(sums));
    Process p = new ProcessBuilder("/bin/echo", "child").redirectErrorStream(true).start();
    System.out.println(new String(p.getInputStream().readAllBytes()).trim() + p.waitFor());
    System.gc();
    try { deep(0); } catch (StackOverflowError e) { System.out.println("overflow"); }
    System.exit(9);
  }
  static int deep(int n) { return deep(n + 1) + 1; }
}
"""


class Java(Program):
    name = "java"
    title = "javac, then threads, streams, zip, a child, a stack overflow"
    needs = (("javac", "default-jdk-headless"), ("java", "default-jre-headless"))
    expects = ("java", "javac")

    def run(self, run):
        run.write("Zoo.java", JAVA)
        run.run([os.path.realpath(self.which("javac")), "-Xlint:all", "Zoo.java"], code=0)
        run.note_file("Zoo.class")
        run.run([os.path.realpath(self.which("java")), "-Xmx256m", "Zoo"])


def programs():
    return [Command("node", "JavaScript: maps, zlib, crypto, workers, a child",
                    ["node", "-e", NODE], (("node", "nodejs"),)), Java()]
