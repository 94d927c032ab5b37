"""What tests of any page share: a browser for the tests of a class, and what holds for every page of ours.
"""

import json
import re
import unittest

import browser
from folders import SharedFolderTest

LEAST_CONTRAST = 4.5  # of text, as WCAG 2 demands at level AA


@unittest.skipIf(browser.why_missing(), browser.why_missing() or "")
class BrowserTest(SharedFolderTest):
    """A browser for all tests of a class."""

    dark = False
    size = (1280, 860)
    may_be_wider = "pre"  # what may reach past the window: it is not seen, or in a region that scrolls

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.browser = browser.Browser(*cls.size, dark=cls.dark)
        cls.addClassCleanup(cls.browser.close)

    def open_page(self, path):
        """Opens a page; what was logged before is forgotten."""
        self.browser.log("browser")
        self.browser.log("performance")
        self.browser.open(path)

    def require_quiet(self):
        """No error in the console, and nothing asked of a network."""
        self.assertEqual(self.browser.log("browser"), [])
        asked = []
        for entry in self.browser.log("performance"):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                asked.append(message["params"]["request"]["url"])
        self.assertTrue(any(address.startswith("file:") for address in asked), "nothing was seen, not even the page")
        self.assertEqual([address for address in asked if not address.startswith(("file:", "data:"))], [])

    def require_no_overflow(self):
        """Nothing is wider than the window but what may be."""
        width, wider = self.browser.run(
            "const width = document.documentElement.clientWidth;"
            "return [document.documentElement.scrollWidth - width, [...document.querySelectorAll('body *')]"
            ".filter((element) => !element.closest(arguments[0])"
            " && element.getBoundingClientRect().right > width + 0.5).map((element) => element.outerHTML.slice(0, 80))];",
            self.may_be_wider)
        self.assertEqual((width, wider), (0, []), self.browser.run("return location.href"))

    def contrast(self, selector, property_="color"):
        """The least contrast that elements have with their background, as WCAG reckons it."""
        pairs = self.browser.run(
            "return [...document.querySelectorAll(arguments[0])].map((element) => {"
            "  const ink = getComputedStyle(element)[arguments[1]];"
            "  while (['rgba(0, 0, 0, 0)', 'none'].includes(getComputedStyle(element).backgroundColor))"
            "    element = element.parentElement;"
            "  return [ink, getComputedStyle(element).backgroundColor]; });", selector, property_)
        self.assertTrue(pairs, selector)

        def luminance(colour):
            parts = [int(number) / 255 for number in re.findall(r"\d+", colour)[:3]]
            linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
            return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
        result = []
        for colours in pairs:
            light, dark = sorted((luminance(colour) for colour in colours), reverse=True)
            result.append((light + 0.05) / (dark + 0.05))
        return min(result)
