"""Headless Chromium through the DevTools protocol, over a pipe: no port, no package.

https://chromedevtools.github.io/devtools-protocol/ names the methods and events.
"""
import base64
import json
import os
import select
import shutil
import subprocess
import tempfile
import time

TIMEOUT = 60  # seconds: guards against hangs only


def find_chromium():
    """Path of a Chromium, or None."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        path = shutil.which(name)
        if path:
            return path
    return None


class Browser:
    """One page of a browser with an empty profile and no network."""

    def __init__(self, width=1280, height=900):
        self.profile = tempfile.mkdtemp(prefix="mla-browser-")
        to_read, self.to_browser = os.pipe()
        self.from_browser, to_write = os.pipe()
        # The browser reads descriptor 3 and writes descriptor 4.
        script = "exec \"$0\" \"$@\" 3<&%d 4>&%d" % (to_read, to_write)
        arguments = [find_chromium(), "--headless=new", "--remote-debugging-pipe", "--no-sandbox",
                     "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
                     "--disable-extensions", "--disable-background-networking",
                     "--disable-component-update", "--disable-sync", "--mute-audio",
                     "--proxy-server=127.0.0.1:9", "--window-size=%d,%d" % (width, height),
                     "--user-data-dir=" + self.profile, "about:blank"]
        self.process = subprocess.Popen(
            ["/bin/bash", "-c", script] + arguments, pass_fds=(to_read, to_write),
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            env={k: v for k, v in os.environ.items() if not k.startswith(("LD_", "MLA_"))})
        os.close(to_read)
        os.close(to_write)
        self.buffer = b""
        self.next_id = 0
        self.complaints = []  # errors and warnings of the console, exceptions, violations
        self.requests = []  # every URL asked for
        target = self.send("Target.createTarget", url="about:blank")
        attached = self.send("Target.attachToTarget", targetId=target["targetId"], flatten=True)
        self.session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.send(domain + ".enable")
        self.size(width, height)

    session = None

    def close(self):
        try:
            self.send("Browser.close")
        except (OSError, AssertionError):
            self.process.kill()
        self.process.wait()
        os.close(self.to_browser)
        os.close(self.from_browser)
        shutil.rmtree(self.profile, ignore_errors=True)

    # Protocol

    def send(self, method, **parameters):
        self.next_id += 1
        message = {"id": self.next_id, "method": method, "params": parameters}
        if self.session and not method.startswith(("Target.", "Browser.")):
            message["sessionId"] = self.session
        data = json.dumps(message).encode() + b"\0"
        while data:
            data = data[os.write(self.to_browser, data):]
        while True:
            answer = self.receive()
            if answer.get("id") == self.next_id:
                if "error" in answer:
                    raise AssertionError("%s: %s" % (method, answer["error"]))
                return answer["result"]

    def receive(self):
        while b"\0" not in self.buffer:
            if not select.select([self.from_browser], [], [], TIMEOUT)[0]:
                raise AssertionError("the browser does not answer")
            data = os.read(self.from_browser, 1 << 20)
            if not data:
                raise OSError("the browser has ended")
            self.buffer += data
        message, self.buffer = self.buffer.split(b"\0", 1)
        answer = json.loads(message.decode())
        self.hear(answer.get("method"), answer.get("params", {}))
        return answer

    def hear(self, event, parameters):
        if event == "Runtime.exceptionThrown":
            details = parameters["exceptionDetails"]
            self.complaints.append(details.get("exception", {}).get("description", str(details)))
        elif event == "Runtime.consoleAPICalled":
            if parameters["type"] in ("error", "warning", "assert"):
                self.complaints.append(str([a.get("value") for a in parameters["args"]]))
        elif event == "Log.entryAdded":
            self.complaints.append(parameters["entry"]["text"])
        elif event == "Network.requestWillBeSent":
            self.requests.append(parameters["request"]["url"])

    # Page

    def size(self, width, height):
        self.send("Emulation.setDeviceMetricsOverride", width=width, height=height,
                  deviceScaleFactor=1, mobile=False)

    def prefers(self, scheme):
        self.send("Emulation.setEmulatedMedia",
                  features=[{"name": "prefers-color-scheme", "value": scheme}])

    def open(self, path):
        self.send("Page.navigate", url="file://" + os.path.abspath(path))
        self.wait("document.getElementById('app')?.getAttribute('aria-busy') === 'false'")
        self.settle()

    def run(self, expression):
        """The value of an expression of JavaScript, of a promise when it is fulfilled."""
        result = self.send("Runtime.evaluate", expression=expression, returnByValue=True,
                           awaitPromise=True)
        if "exceptionDetails" in result:
            raise AssertionError("%s: %s" % (expression, result["exceptionDetails"]))
        return result["result"].get("value")

    def settle(self):
        """Until what was asked for is drawn."""
        self.run("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => "
                 "setTimeout(done, 0))))")

    def wait(self, condition):
        end = time.monotonic() + TIMEOUT
        while not self.run(condition):
            if time.monotonic() > end:
                raise AssertionError("did not come true: " + condition)
            time.sleep(0.02)

    def key(self, key):
        """Presses a key: one character, or a name such as Escape."""
        text = {"text": key} if len(key) == 1 else {"text": "\r"} if key == "Enter" else {}
        self.send("Input.dispatchKeyEvent", type="keyDown", key=key, **text)
        self.send("Input.dispatchKeyEvent", type="keyUp", key=key)
        self.settle()

    def type(self, text):
        self.send("Input.insertText", text=text)
        self.settle()

    def box(self, selector):
        """Where an element is in the window, scrolled into sight: x, y, width, height."""
        return self.run("""(() => {
            const element = document.querySelector(%s);
            element.scrollIntoView({block: "center"});
            const box = element.getBoundingClientRect();
            return [box.x, box.y, box.width, box.height];
        })()""" % json.dumps(selector))

    def mouse(self, event, x, y, **more):
        self.send("Input.dispatchMouseEvent", type=event, x=x, y=y, **more)

    def click(self, selector):
        x, y, width, height = self.box(selector)
        self.drag((x + width / 2, y + height / 2), (x + width / 2, y + height / 2))

    def drag(self, begin, end):
        held = {"button": "left", "clickCount": 1}
        self.mouse("mouseMoved", *begin)
        self.mouse("mousePressed", *begin, **held)
        if begin != end:
            for i in range(1, 6):
                self.mouse("mouseMoved", *(a + (b - a) * i / 5 for a, b in zip(begin, end)),
                           button="left", buttons=1)
        self.mouse("mouseReleased", *end, **held)
        self.settle()

    def screenshot(self, path, whole=False):
        data = self.send("Page.captureScreenshot", captureBeyondViewport=whole)["data"]
        with open(path, "wb") as out:
            out.write(base64.b64decode(data))

    def pdf(self):
        data = self.send("Page.printToPDF", printBackground=False)["data"]
        return base64.b64decode(data)
