"""Goes through the console as people do, in the system's own Chromium.

The test that runs it serves the console, and does what this program asks for by a line that begins with "> ". Each
request to another host, each error on the console of the browser, each report of a policy that was broken and each
serious finding of axe ends it with an error.

    browser.py CHROMIUM pages  URL LINK SCRIPT WIDTH SCHEME PICTURE PATH...
    browser.py CHROMIUM again  the same in another view, without axe and without what takes time
    browser.py CHROMIUM flow   URL LINK SCRIPT WIDTH SCHEME
"""

import re
import sys
from decimal import Decimal
from urllib.parse import urlsplit

from axe_playwright_python.sync_playwright import Axe
from chromium import Visit, launched
from playwright.sync_api import Browser, sync_playwright


class Reader(Visit):
    """A person at a browser."""

    def __init__(self, browser: Browser, url: str, script: bool, width: int, scheme: str, axe: bool) -> None:
        super().__init__(
            browser,
            url,
            java_script_enabled=script,
            viewport={"width": width, "height": 900},
            color_scheme=scheme,
            timezone_id="Europe/Berlin",
        )
        self.axe = axe

    def open(self, path: str) -> None:
        reply = self.page.goto(self.url + path)
        if reply is None or reply.status != 200:
            raise SystemExit(f"{path}: {reply and reply.status}\n{self.text()}")
        self.look(path)

    def look(self, where: str) -> None:
        """Looks at the page that is open."""
        self.page.wait_for_load_state("load")
        if self.script:
            self.until("!('askZone' in document.body.dataset)")
            self.noted()
            found = Axe().run(self.page).response["violations"] if self.axe else []
            for fault in (fault for fault in found if fault["impact"] in ("serious", "critical")):
                nodes = "; ".join(node["html"][:200] for node in fault["nodes"][:3])
                self.faults.append(f"axe: {fault['id']}: {fault['help']}: {nodes}")
        wide = self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") if self.script else 0
        if wide > 0:
            self.faults.append(f"the page is {wide} px wider than the screen")
        if self.faults:
            raise SystemExit(f"{where}:\n" + "\n".join(self.faults))

    def until(self, expression: str) -> None:
        """Waits for an expression to be true. Playwright's own wait is made of `eval`, which the policy forbids."""
        for _ in range(600):
            if self.page.evaluate(expression):
                return
            self.page.wait_for_timeout(200)
        raise SystemExit(f"{self.page.url}: never {expression}\n{self.text()}")

    def text(self) -> str:
        return self.page.inner_text("body")

    def press(self, name: str) -> None:
        self.page.get_by_role("button", name=name, exact=True).first.click()
        self.look(f"after {name}")

    def follow(self, name: str) -> None:
        self.page.get_by_role("link", name=name, exact=True).first.click()
        self.look(f"after {name}")

    def expect(self, *words: str) -> None:
        text = self.text()
        for word in words:
            if word not in text:
                raise SystemExit(f"{self.page.url} does not say {word!r}:\n{text}")

    def take(self, link: str) -> None:
        """Signs in by a link."""
        self.page.goto(link)
        self.look("the link")
        self.expect("Nothing has happened yet.")
        self.press("Sign in")
        self.expect("Overview")


def ask(what: str) -> None:
    """Has the test do something, and waits until it is done."""
    print(f"> {what}", flush=True)
    if sys.stdin.readline().strip() != "done":
        raise SystemExit(f"{what} was not done")


def pages(reader: Reader, link: str, picture: str, paths: list[str]) -> None:
    reader.take(link)
    for path in paths:
        reader.open(path)
        if reader.page.locator("h1").count() != 1:
            raise SystemExit(f"{path} has no heading of its own")
    if reader.script:
        keyboard(reader)
        if reader.axe:
            live(reader)
    if picture != "-":
        reader.open("/console/revenue?startDate=2026-05-03&endDate=2026-05-31&currency=USD&timezone=UTC")
        reader.page.screenshot(path=picture)


def keyboard(reader: Reader) -> None:
    """Reads the values of a chart with the arrow keys alone."""
    page = reader.page
    reader.open("/console/revenue?startDate=2026-05-03&endDate=2026-05-31&currency=USD&timezone=UTC")
    page.locator("svg[data-chart]").focus()
    page.keyboard.press("Home")
    first = page.locator("[data-values]").inner_text()
    page.keyboard.press("ArrowRight")
    second = page.locator("[data-values]").inner_text()
    if not first.startswith("2026-05-03") or not second.startswith("2026-05-04"):
        raise SystemExit(f"the chart says {first!r}, then {second!r}")
    page.goto(reader.url + "/console")
    page.keyboard.press("Tab")
    if page.evaluate("document.activeElement.textContent") != "Skip to the content":
        raise SystemExit("the first key leads to no way past the menu")


def live(reader: Reader) -> None:
    """A user's journey grows while it is read."""
    page = reader.page
    reader.open("/console/people?user=user-1")
    before = page.locator("ol.line > li").count()
    ask("event")
    reader.until(f"document.querySelectorAll('ol.line > li').length === {before + 1}")


def amount(reader: Reader) -> Decimal:
    """The net revenue of May in USD."""
    reader.open("/console/revenue?startDate=2026-05-01&endDate=2026-06-30&currency=USD&timezone=UTC")
    value = reader.page.locator("[data-number='/netRevenueCents']").first.get_attribute("value")
    return Decimal(value or "0") / 100


def flow(reader: Reader, link: str) -> None:
    page = reader.page
    reader.take(link)
    before = amount(reader)

    # Find the planted dead letters, and what came in.
    reader.open("/console/dead-letters")
    reader.expect("no map knows")
    reader.follow("Replay all of it")
    page.go_back()
    row = page.locator("section[data-refresh=causes] tr", has_text="no map knows")
    if row.locator("data").first.get_attribute("value") != "500":
        raise SystemExit(f"not 500 failures: {row.inner_text()}")
    row.locator("a").nth(1).click()
    reader.look("the newest failure")
    reader.press("Reveal the payload")
    reader.expect('"mistaken": 1')

    # The map is mended; all that match are replayed, after a count.
    ask("mend")
    reader.open("/console/dead-letters")
    reader.follow("Replay all of it")
    reader.press("Count the rows")
    reader.expect("500", "The first rows")
    page.get_by_label("Why").fill("the map is mended")
    page.get_by_label("Rows a second").fill("500")
    reader.press("Replay these 500")
    job = page.url
    ask("work")
    page.goto(job)
    reader.look("the job")
    cells = page.locator("section[data-refresh=job] table").first.locator("td data").all()
    found = [cell.get_attribute("value") for cell in cells]
    if found != ["0", "0", "499", "1", "0"]:
        raise SystemExit(f"the job has {found}\n{reader.text()}")
    moved = amount(reader) - before
    if moved != Decimal("499.00"):
        raise SystemExit(f"revenue moved by {moved}")

    # A lead gets an assignee.
    reader.open("/console/leads")
    reader.follow("Edit")
    page.get_by_label("Status").fill("called")
    page.get_by_label("Assignee").fill("grace")
    reader.press("Save")
    reader.expect("called", "grace")

    # A key is made, shown once, and revoked.
    reader.open("/console/keys")
    page.get_by_label("Name: who or what uses it").fill("a program")
    reader.press("Make the key")
    key = page.locator("#key").inner_text()
    reader.open("/console/keys")
    if key in page.content():
        raise SystemExit("the key is shown again")
    page.locator("tr", has_text="a program").get_by_role("link", name="Revoke").click()
    reader.look("to revoke")
    reader.press("Revoke it")

    # All of it is in the audit log, by address.
    reader.open("/console/audit")
    for action in ("payload.revealed", "job.planned", "job.started", "lead.changed", "key.made", "key.revoked"):
        if page.locator("tr", has_text=action).filter(has_text="ada@penstock.example").count() == 0:
            raise SystemExit(f"{action} is not in the audit log\n{reader.text()}")
    if key in page.content():
        raise SystemExit("the audit log has the key")

    # Signed out, the back button shows nothing.
    reader.press("Sign out")
    if urlsplit(page.url).path != "/console/sign-in":
        raise SystemExit(f"signed out, and at {page.url}")
    page.go_back()
    page.wait_for_load_state("load")
    page.wait_for_timeout(300)
    if re.search("key.made|Changes, the newest first", page.content()):
        raise SystemExit("the back button shows the audit log")
    reader.look("the back button")


def main() -> None:
    chromium, what, url, link, script, width, scheme, *rest = sys.argv[1:]
    with sync_playwright() as playwright:
        browser = launched(playwright, chromium)
        reader = Reader(browser, url, script == "script", int(width), scheme, what != "again")
        try:
            if what in ("pages", "again"):
                pages(reader, link, rest[0], rest[1:])
            else:
                flow(reader, link)
        finally:
            browser.close()


if __name__ == "__main__":
    main()
