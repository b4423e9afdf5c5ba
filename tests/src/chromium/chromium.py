"""The system's own Chromium, for programs that read pages: it leaves the machine for nothing, and keeps what goes wrong."""

from urllib.parse import urlsplit

from playwright.sync_api import Browser, BrowserContext, Page, Playwright, Route

# Milliseconds. A page may have more than a hundred parts, and a machine may be busy.
PATIENCE = 120_000

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

REPORTS = """
window.reports = [];
document.addEventListener("securitypolicyviolation", (e) => window.reports.push(`${e.violatedDirective} ${e.blockedURI}`));
"""


def launched(playwright: Playwright, program: str) -> Browser:
    return playwright.chromium.launch(executable_path=program, args=FLAGS, headless=True, timeout=PATIENCE)


def signed_in(url: str, session: str) -> dict[str, str | bool]:
    """Returns the cookie of a session, as after a sign-in."""
    return {"name": "better-auth.session_token", "value": session, "url": url, "httpOnly": True}


class Visit:
    """A browser without a past, on one page of one host. `faults` has what went wrong."""

    def __init__(self, browser: Browser, url: str, **settings) -> None:
        self.url, self.script = url, settings.get("java_script_enabled", True)
        self.faults: list[str] = []
        self.context: BrowserContext = browser.new_context(**settings)
        self.context.set_default_timeout(PATIENCE)
        self.context.route("**/*", self._only_own)
        if self.script:
            self.context.add_init_script(REPORTS)
        self.page: Page = self.context.new_page()
        self.page.on("console", lambda said: said.type == "error" and self.faults.append(f"console: {said.text}"))
        self.page.on("pageerror", lambda error: self.faults.append(f"script: {error}"))
        self.page.on("dialog", lambda dialog: (self.faults.append(f"dialog: {dialog.message}"), dialog.dismiss()))

    def _only_own(self, route: Route) -> None:
        asked = route.request.url
        if urlsplit(asked).netloc == urlsplit(self.url).netloc or asked.startswith(("data:", "blob:")):
            route.continue_()
        else:
            self.faults.append(f"request to {asked}")
            route.abort()

    def sign_in(self, session: str) -> None:
        """Has the cookie of a session, as after a sign-in."""
        self.context.add_cookies([signed_in(self.url, session)])

    def noted(self) -> list[str]:
        """What went wrong so far, with the reports of a policy that was broken on the page that is open."""
        if self.script:
            self.faults += [f"policy: {report}" for report in self.page.evaluate("window.reports")]
        return self.faults
