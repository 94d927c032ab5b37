"""A headless Chromium, driven over WebDriver (https://www.w3.org/TR/webdriver2/) with nothing but the standard library.
"""

import base64
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import urllib.error
import urllib.request

TIMEOUT = 120  # seconds an answer may take on a busy machine before it counts as none
PORT_LINE = "was started successfully on port "
TAKEN_LINE = "port not available"  # it chose one that was free in IPv4, and found it taken in IPv6
STARTS = 5  # of the driver, as long as it says that
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"  # what the standard calls a reference to an element

KEYS = {"ArrowUp": "\ue013", "ArrowDown": "\ue015", "ArrowLeft": "\ue012", "ArrowRight": "\ue014", "Home": "\ue011",
        "End": "\ue010", "PageUp": "\ue00e", "PageDown": "\ue00f", "Tab": "\ue004", "Enter": "\ue007"}


class BrowserError(Exception):
    """The browser could not be had, or refused."""


def why_missing():
    """Why no browser can be started here; None when one can."""
    missing = [name for name in ("chromium", "chromedriver") if shutil.which(name) is None]
    return f"{' and '.join(missing)} not installed: ./ci/setup installs them" if missing else None


class Browser:
    """One browser with one page. dark: what the system prefers."""

    def __init__(self, width=1280, height=860, dark=False, reduced_motion=False):
        self.folder = tempfile.TemporaryDirectory(prefix="kmem-browser-")
        self.session = None
        try:
            self.address = f"http://127.0.0.1:{self._start_driver()}"
            self.session = self._start()
            self.command("POST", "goog/cdp/execute", {"cmd": "Emulation.setEmulatedMedia", "params": {"features": [
                {"name": "prefers-color-scheme", "value": "dark" if dark else "light"},
                {"name": "prefers-reduced-motion", "value": "reduce" if reduced_motion else "no-preference"}]}})
            self.resize(width, height)
        except BaseException:
            self.close()
            raise

    def _start_driver(self):
        """Returns the port that it answers at."""
        for _ in range(STARTS):
            self.driver = subprocess.Popen(["chromedriver", "--port=0"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                           stderr=subprocess.STDOUT, text=True)
            said = ""
            for line in self.driver.stdout:
                said += line
                if PORT_LINE in line:
                    return int(line.split(PORT_LINE)[1].rstrip(".\n"))
            if TAKEN_LINE not in said:
                break
            self.driver.wait()
            self.driver.stdout.close()
        raise BrowserError(f"chromedriver ended before it was ready: {said.rstrip()}")

    def _start(self):
        arguments = ["--headless=new", "--disable-gpu", "--hide-scrollbars=false", "--disable-background-networking",
                     "--force-device-scale-factor=1", f"--user-data-dir={self.folder.name}"]
        if os.geteuid() == 0:
            arguments.append("--no-sandbox")  # Chromium's sandbox refuses to run for root
        capabilities = {"browserName": "chrome", "goog:chromeOptions": {"args": arguments},
                        "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"}}
        answer = self._request("POST", f"{self.address}/session", {"capabilities": {"alwaysMatch": capabilities}})
        return f"{self.address}/session/{answer['sessionId']}"

    @staticmethod
    def _request(method, address, body):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(address, data, {"Content-Type": "application/json"}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            value = json.load(error)["value"]
            raise BrowserError(f"{value['error']}: {value['message']}") from None

    def command(self, method, path, body=None):
        """One WebDriver command of the session."""
        return self._request(method, f"{self.session}/{path}", body)

    def close(self):
        """Ends the browser and its driver."""
        if self.session is not None:
            try:
                self._request("DELETE", self.session, None)
            except (BrowserError, OSError):
                pass  # the driver is ended all the same
        self.driver.kill()
        self.driver.wait()
        self.driver.stdout.close()
        try:
            self.folder.cleanup()
        except OSError:
            pass  # the browser's last processes may still write there as they end

    # What a person does.

    def open(self, path):
        """Opens a file."""
        self.command("POST", "url", {"url": pathlib.Path(path).resolve().as_uri()})

    def resize(self, width, height):
        """Makes the page this large."""
        self.command("POST", "goog/cdp/execute", {"cmd": "Emulation.setDeviceMetricsOverride", "params": {
            "width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}})

    def press(self, *names):
        """Presses and releases keys, one after another, wherever the focus is."""
        actions = [{"type": action, "value": KEYS.get(name, name)} for name in names for action in ("keyDown", "keyUp")]
        self.command("POST", "actions", {"actions": [{"type": "key", "id": "keys", "actions": actions}]})

    def click(self, selector):
        """Clicks the middle of an element."""
        self.command("POST", f"element/{self._find(selector)}/click", {})

    def point(self, x, y, click=False):
        """Moves the pointer to a place of the window, and clicks there when asked."""
        actions = [{"type": "pointerMove", "duration": 0, "x": round(x), "y": round(y)}]
        if click:
            actions += [{"type": "pointerDown", "button": 0}, {"type": "pointerUp", "button": 0}]
        self.command("POST", "actions", {"actions": [{"type": "pointer", "id": "mouse", "actions": actions}]})

    def _find(self, selector):
        return self.command("POST", "element", {"using": "css selector", "value": selector})[ELEMENT]

    # What a person sees.

    def run(self, script, *arguments):
        """What a script in the page returns, once what was to be drawn has been drawn."""
        self.command("POST", "execute/async", {"args": [], "script": "const done = arguments[0];"
                     "requestAnimationFrame(() => requestAnimationFrame(() => done(null)));"})
        return self.command("POST", "execute/sync", {"script": script, "args": list(arguments)})

    def text(self, selector):
        """The text of an element."""
        return self.run("return document.querySelector(arguments[0]).textContent", selector).strip()

    def log(self, kind):
        """What was logged since last asked: kind is browser (the console) or performance (the network and more)."""
        return self.command("POST", "se/log", {"type": kind})

    def screenshot(self, path):
        """Writes what is seen to a file."""
        self.run("return null")
        pathlib.Path(path).write_bytes(base64.b64decode(self.command("GET", "screenshot")))
