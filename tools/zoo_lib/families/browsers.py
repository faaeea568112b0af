"""Chromium without a screen."""
from zoo_lib.program import Program

PAGE = """<!DOCTYPE html><title>zoo</title><canvas id=c width=200 height=200></canvas><p id=p></p>
<script>
const words = []; for (let i = 0; i < 20000; i++) words.push((i * 7919 % 10007).toString(36));
const map = new Map(words.map((w, i) => [w, i]));
for (let i = 0; i < 300; i++) {
  const e = document.createElement('span'); e.textContent = words[i]; document.body.append(e);
}
const x = document.getElementById('c').getContext('2d');
for (let i = 0; i < 200; i++) { x.fillStyle = `hsl(${i}, 50%, 50%)`; x.fillRect(i, 0, 1, 200); }
document.getElementById('p').textContent =
  map.size + ' ' + JSON.stringify(words).length + ' ' + [...x.getImageData(99, 99, 1, 1).data];
</script>
"""


class Chromium(Program):
    name = "chromium"
    title = "headless: a page with scripts, a canvas and 300 elements; its document and a picture"
    needs = (("chromium", "chromium"),)
    user = "nobody"
    expects = ("dash",)
    replaced = ("dash",)  # the script that starts it
    limit = """Chromium defines malloc itself (PartitionAlloc): libmla.so is loaded into all its
processes, sees that, and records nothing. What is recorded is the shell script that starts it, and
that ends as "killed": exec replaced it, and nobody was left to say so."""

    def run(self, run):
        page = run.write("page.html", PAGE)
        common = ["chromium", "--headless", "--disable-gpu", "--no-sandbox", "--no-first-run",
                  "--disable-dev-shm-usage", "--disable-background-networking",
                  "--disable-extensions", "--user-data-dir=" + run.path("profile"),
                  "--virtual-time-budget=3000"]
        run.run(common + ["--dump-dom", "file://" + page], "out", code=0)
        run.run(common + ["--screenshot=" + run.path("page.png"), "--window-size=400,300",
                          "file://" + page], "code", code=0)
        run.note_file("page.png")


def programs():
    return [Chromium()]
