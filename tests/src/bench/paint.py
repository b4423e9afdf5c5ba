"""Measures when pages of the console show something, in the system's own Chromium.

    paint.py CHROMIUM URL SESSION ROUNDS PATH...

Each page is opened by a browser that has kept nothing, as often as ROUNDS says. A line for each page has the
milliseconds from the beginning of the navigation to the first content that was painted. Nothing looks at the
requests meanwhile: each would wait for this program.
"""

import sys

from chromium import PATIENCE, launched, signed_in
from playwright.sync_api import sync_playwright

PAINTED = """
() => new Promise((done) => {
  const found = () => performance.getEntriesByName("first-contentful-paint")[0];
  if (found()) { done(found().startTime); return; }
  new PerformanceObserver(() => found() && done(found().startTime)).observe({ type: "paint", buffered: true });
})
"""


def main(chromium: str, url: str, session: str, rounds: str, *paths: str) -> None:
    with sync_playwright() as playwright:
        browser = launched(playwright, chromium)
        for path in paths:
            times = []
            # The first is not measured: the browser itself starts meanwhile.
            for _ in range(int(rounds) + 1):
                context = browser.new_context(viewport={"width": 1440, "height": 900})
                context.set_default_timeout(PATIENCE)
                context.add_cookies([signed_in(url, session)])
                page = context.new_page()
                reply = page.goto(url + path)
                if reply is None or reply.status != 200:
                    raise SystemExit(f"{path}: {reply and reply.status}")
                times.append(page.evaluate(PAINTED))
                context.close()
            print(*(f"{time:.1f}" for time in times[1:]), flush=True)
        browser.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
