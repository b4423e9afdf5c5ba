"""Tries the contract in Swagger UI as people do, in the system's own Chromium.

    docs.py CHROMIUM URL INGEST_KEY READ_KEY SESSION

A lead is posted with one key, a journey read with another, and the session of a person shown by their cookie. A
request to another host, an error of the browser or a report of a policy that was broken ends it with an error.
"""

import re
import sys

from chromium import PATIENCE, Visit, launched
from playwright.sync_api import Page, expect, sync_playwright


def authorize(page: Page, scheme: str, key: str) -> None:
    page.get_by_role("button", name="Authorize").first.click()
    dialog = page.locator(".auth-container").filter(has=page.locator(f"h4:has-text('{scheme}')"))
    dialog.locator("input").fill(key)
    dialog.get_by_role("button", name="Apply credentials").click()
    page.locator(".modal-ux .btn-done").first.click()


def tried(page: Page, tag: str, operation: str, fields: dict[str, str], body: str | None) -> tuple[int, str]:
    """Opens an operation, fills it in, sends it, and returns what is shown of the reply."""
    page.locator(f"#operations-tag-{tag} button").first.click()
    block = page.locator(f"#operations-{tag}-{operation}")
    block.scroll_into_view_if_needed()
    block.locator(".opblock-summary-control").click()
    block.get_by_role("button", name="Try it out").click()
    for name, value in fields.items():
        block.locator(f"tr[data-param-name='{name}'] input").fill(value)
    if body is not None:
        block.locator("textarea.body-param__text").fill(body)
    block.get_by_role("button", name="Execute").click()
    live = block.locator(".live-responses-table .response").first
    expect(live).to_be_visible()
    status = int(live.locator(".response-col_status").inner_text().split()[0])
    return status, live.locator(".response-col_description pre").first.inner_text()


def main(chromium: str, url: str, ingest_key: str, read_key: str, session: str) -> None:
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        browser = launched(playwright, chromium)
        visit = Visit(browser, url, viewport={"width": 1440, "height": 900})
        visit.sign_in(session)
        page = visit.page
        page.goto(f"{url}/docs")
        expect(page.locator(".opblock-tag").first).to_be_visible()

        authorize(page, "ingestKey", ingest_key)
        status, reply = tried(page, "Leads", "createLead", {}, '{"email": "ada@x.example", "name": "Ada"}')
        assert status == 201 and re.search(r'"ok": true', reply), (status, reply)
        authorize(page, "readKey", read_key)
        status, reply = tried(page, "Events", "getJourney", {"userId": "user-1"}, None)
        assert status == 200 and "signed_up" in reply, (status, reply)
        status, reply = tried(page, "Accounts", "getSession", {}, None)
        assert status == 200 and "ada@penstock.example" in reply, (status, reply)

        kept = page.evaluate("() => JSON.stringify(localStorage) + JSON.stringify(sessionStorage)")
        assert ingest_key not in kept and read_key not in kept, "a key is kept"
        visit.noted()
        page.reload()
        expect(page.locator(".opblock-tag").first).to_be_visible()
        faults = visit.noted()
        browser.close()
    assert not faults, faults


if __name__ == "__main__":
    main(*sys.argv[1:])
