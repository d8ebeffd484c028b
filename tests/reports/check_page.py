#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The HTML report in a real browser: headless Chromium, driven by Selenium.

check_page.py --make-report FILE --samples FOLDER [--shots FOLDER]

Filter, sorting and opened rows show what the JSON report of the same run says;
nothing is requested but the page itself; no name on the share runs; the page
reads without scripts; 10,000 rows do not hold it up. --shots keeps pictures.
"""
import argparse
import base64
import json
import re
import subprocess
import tempfile
import time
from pathlib import Path

from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By

FLAGS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic",
         "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync",
         "--window-size=1400,1000")
SLOWEST = 10.0  # seconds, for 10,000 rows on a busy machine

# JavaScript's escapes of the page, in Python: what is not seen as its number.
UNSEEN = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\xad\u061c\u200b-\u200f"
                    "\u2028-\u202e\u2060-\u206f\ufeff]")


def browser(profile, scripts=True):
    options = webdriver.ChromeOptions()
    if not scripts:
        options.add_experimental_option("prefs", {
            "profile.managed_default_content_settings.javascript": 2})
    options.binary_location = "/usr/bin/chromium"
    for flag in (*FLAGS, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs",
                           {"performance": "ALL", "browser": "ALL"})
    return webdriver.Chrome(service=Service("/usr/bin/chromedriver"),
                            options=options)


def visible(text):
    return UNSEEN.sub(lambda m: f"\\u{{{ord(m[0]):x}}}", text)


def rows(driver):
    return driver.find_elements(By.CSS_SELECTOR, "#rows > tr[data-verdict]")


def shown(driver):
    return driver.find_element(By.ID, "shown").text


def type_filter(driver, text):
    box = driver.find_element(By.ID, "text")
    box.clear()
    # clear() tells the page nothing when the box was empty.
    box.send_keys(text or " ")


def click(driver, selector):
    driver.execute_script(
        "arguments[0].click()", driver.find_element(By.CSS_SELECTOR, selector))


def requests(driver):
    urls = []
    for entry in driver.get_log("performance"):
        message = json.loads(entry["message"])["message"]
        if message["method"] == "Network.requestWillBeSent":
            urls.append(message["params"]["request"]["url"])
    return urls


def check_summary(driver, document):
    counts = document["counts"]
    for name, count in counts.items():
        if name == "files":
            continue
        cell = driver.find_element(By.ID, "count-" + name.replace("_", "-"))
        assert cell.text == f"{count:,}", (name, cell.text)
    header = driver.find_element(By.TAG_NAME, "header").text
    for key in ("host", "run", "started", "finished"):
        assert document[key] in header, key
    assert document["program"]["version"] in header
    assert f"Exit status {document['exit_status']}." in header
    bars = driver.find_elements(By.CSS_SELECTOR, ".bar rect")
    wide = sum(float(bar.get_attribute("width")) for bar in bars)
    assert abs(wide - 1000) < 0.01, wide
    assert len(bars) == sum(1 for name, count in counts.items()
                            if count and name != "files")


def check_filter(driver, document):
    files = document["files"]
    assert shown(driver) == f"{len(files)} of {len(files)} files"
    type_filter(driver, "SECURITY-o2")
    expected = [file for file in files if "security-o2" in file["path"].lower()]
    assert 0 < len(expected) < len(files)
    assert shown(driver) == f"{len(expected)} of {len(files)} files"
    assert len(rows(driver)) == len(expected)
    for row, file in zip(rows(driver), expected):
        assert row.get_attribute("data-verdict") == file["verdict"]
        assert file["path"] in row.text
    type_filter(driver, "no such name anywhere")
    assert rows(driver) == []
    type_filter(driver, "")
    click(driver, "#verdicts input[value=leaks]")
    left = [file for file in files if file["verdict"] != "leaks"]
    assert shown(driver) == f"{len(left)} of {len(files)} files"
    click(driver, "#verdicts input[value=leaks]")
    click(driver, "#actions input[value=none]")
    left = [file for file in files if file["action"] != "none"]
    assert shown(driver) == f"{len(left)} of {len(files)} files"
    click(driver, "#actions input[value=none]")


def check_sorting(driver, document):
    sizes = sorted(file["size"] or 0 for file in document["files"])
    click(driver, "th[data-key=size] button")
    for row, size in zip(rows(driver), sizes):
        cell = row.find_elements(By.TAG_NAME, "td")[4].text.replace(",", "")
        assert (int(cell) if cell else 0) == size, (cell, size)
    click(driver, "th[data-key=path] button")
    header = driver.find_element(By.CSS_SELECTOR, "th[data-key=path]")
    assert header.get_attribute("aria-sort") == "ascending"


def listing_lines(lines):
    return [f"0x{line['rva']:x}".ljust(10) +
            re.sub("(..)", r"\1 ", line["bytes"]).ljust(25) + line["text"]
            for line in lines]


def check_opened(driver, file):
    """Opens one file by its name; all that its JSON says is to be seen."""
    type_filter(driver, file["path"])
    click(driver, "#rows button")
    detail = driver.find_element(By.CSS_SELECTOR, "#rows > tr.detail")
    text = driver.execute_script("return arguments[0].textContent", detail)
    for key in ("path", "sha256", "machine", "target", "because"):
        assert file[key] is None or file[key] in text, (key, text)
    for line in file["evidence"]:
        assert line in text, line
    edits = detail.find_elements(By.CSS_SELECTOR, "table td.bytes")
    assert len(edits) == 2 * len(file["edits"])
    for cell, edit in zip(edits[1::2], file["edits"]):
        plain = driver.execute_script("return arguments[0].textContent", cell)
        match = re.fullmatch(r"(..) \((\d+) times\)", plain)
        digits = (match[1] * int(match[2]) if match
                  else plain.replace(" ", ""))
        assert digits == edit["after"], (plain, edit)
        assert edit["why"] in text
        assert f"0x{edit['offset']:x}" in text
    before, after = [
        [line.get_attribute("textContent") for line in box.find_elements(
            By.CSS_SELECTOR, "span:not(.head)")]
        for box in detail.find_elements(By.CLASS_NAME, "listing")]
    assert before == listing_lines(file["listing"]["before"])
    jumps = {(line["rva"], line["bytes"])
             for line in file["listing"]["after"]}
    injected = [line for line in file["stub"]
                if (line["rva"], line["bytes"]) not in jumps]
    assert after == listing_lines(file["listing"]["after"] + injected)
    if file["signature"]:
        assert "Signature: " + file["signature"]["match"] in text
    click(driver, "#rows button")
    assert not driver.find_elements(By.CSS_SELECTOR, "#rows > tr.detail")


def check_names(driver, document):
    """Every name is text, exactly; none became markup or ran."""
    type_filter(driver, "")
    shown_names = {button.get_attribute("textContent") for button in
                   driver.find_elements(By.CSS_SELECTOR, "#rows .path button")}
    for file in document["files"]:
        assert visible(file["path"]).replace("\n", "\\u{a}") in shown_names, \
            file["path"]
    click(driver, "#open-all")
    assert driver.find_elements(By.CSS_SELECTOR, "#rows > tr.detail")
    assert driver.find_elements(By.CSS_SELECTOR, "img") == []
    assert driver.title.startswith("detachfix batch "), driver.title
    scripts = driver.find_elements(By.TAG_NAME, "script")
    kinds = {script.get_attribute("type") for script in scripts}
    assert kinds <= {"", "application/json"}, kinds
    click(driver, "#close-all")
    assert not driver.find_elements(By.CSS_SELECTOR, "#rows > tr.detail")


def check_policy(driver):
    """What a hostile page part would try: the browser refuses it."""
    driver.execute_script("""
        const script = document.createElement('script');
        script.textContent = "document.title = 'owned'";
        document.body.append(script);
        const image = document.createElement('img');
        image.src = 'http://127.0.0.1:9/x.png';
        document.body.append(image);
        const handler = document.createElement('div');
        handler.innerHTML = '<p onclick="document.title=1">x</p>';
        document.body.append(handler);
        handler.firstChild.click();""")
    time.sleep(0.3)
    assert driver.title.startswith("detachfix batch "), driver.title
    said = " ".join(entry["message"] for entry in driver.get_log("browser"))
    assert said.count("Content Security Policy") >= 3, said


def check_without_scripts(profile, url, document):
    driver = browser(profile, scripts=False)
    try:
        driver.get(url)
        found = rows(driver)
        assert len(found) == len(document["files"])
        for row, file in zip(found, document["files"]):
            assert row.is_displayed()
            assert file["verdict"] in row.text and file["action"] in row.text
        hint = driver.find_element(By.CSS_SELECTOR, "noscript p")
        assert hint.is_displayed()
        assert not driver.find_element(By.ID, "filter").is_displayed()
    finally:
        driver.quit()


def check_large(driver, url, count):
    begin = time.monotonic()
    driver.get(url)
    assert shown(driver) == f"{count:,} of {count:,} files"
    loaded = time.monotonic() - begin
    assert len(rows(driver)) < 1000, "all rows are rendered at once"
    begin = time.monotonic()
    type_filter(driver, "made-up-9999/")
    assert shown(driver) == f"1 of {count:,} files"
    filtered = time.monotonic() - begin
    assert loaded < SLOWEST and filtered < SLOWEST, (loaded, filtered)
    type_filter(driver, "")
    driver.execute_script("scrollTo(0, document.body.scrollHeight)")
    time.sleep(0.5)
    assert len(rows(driver)) > 100, "scrolling shows no more rows"
    return loaded, filtered


def emulate(driver, scheme, width=1400, height=1000):
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [
        {"name": "prefers-color-scheme", "value": scheme}]})
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {
        "width": width, "height": height, "deviceScaleFactor": 1,
        "mobile": False})


def keep_pictures(driver, url, file, folder):
    folder.mkdir(parents=True, exist_ok=True)
    for name, scheme, width, opened in (
            ("light", "light", 1400, False), ("dark", "dark", 1400, False),
            ("opened", "light", 1400, True),
            ("opened-dark", "dark", 1400, True),
            ("narrow", "light", 420, False),
            ("narrow-opened", "light", 420, True)):
        emulate(driver, scheme, width)
        driver.get(url)
        if opened:
            type_filter(driver, file["path"])
            click(driver, "#rows button")
        height = driver.execute_script("return document.body.scrollHeight")
        emulate(driver, scheme, width, min(height, 2600))
        driver.save_screenshot(str(folder / f"{name}.png"))
    pdf = driver.execute_cdp_cmd("Page.printToPDF", {})
    (folder / "print.pdf").write_bytes(base64.b64decode(pdf["data"]))
    emulate(driver, "light")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--make-report", required=True)
    parser.add_argument("--samples", required=True, type=Path)
    parser.add_argument("--shots", type=Path)
    arguments = parser.parse_args()
    paths = sorted(arguments.samples.resolve().glob("*security*.dll"))
    with tempfile.TemporaryDirectory(prefix="page-") as name:
        folder = Path(name)
        for ending in ("json", "html"):
            subprocess.run([arguments.make_report, folder / f"out.{ending}",
                            "--hostile", *paths, folder / "none"], check=True)
        subprocess.run([arguments.make_report, folder / "large.html",
                        "--made-up", "10000"], check=True)
        document = json.loads((folder / "out.json").read_bytes())
        assert len(document["files"]) < 100, "more rows than are shown at once"
        planned = {}
        for file in document["files"]:
            if file["action"] == "would-patch":
                planned.setdefault((file["machine"], file["hook"]), file)
        assert {machine for machine, _ in planned} == {"i386", "alpha"}
        url = (folder / "out.html").as_uri()
        driver = browser(folder / "profile")
        try:
            driver.get("about:blank")
            driver.get_log("performance")  # the browser's own first page
            driver.get(url)
            check_summary(driver, document)
            check_filter(driver, document)
            check_sorting(driver, document)
            for file in planned.values():
                check_opened(driver, file)
            check_names(driver, document)
            asked = requests(driver)
            assert asked == [url], asked
            assert driver.get_log("browser") == []
            check_policy(driver)
            check_without_scripts(folder / "profile2", url, document)
            loaded, filtered = check_large(
                driver, (folder / "large.html").as_uri(), 10000)
            if arguments.shots:
                keep_pictures(driver, url, next(iter(planned.values())),
                              arguments.shots)
        finally:
            driver.quit()
    print(f"{len(document['files'])} files, {len(planned)} opened; 10,000 "
          f"rows: loaded in {loaded:.1f} s, filtered in {filtered:.1f} s")


if __name__ == "__main__":
    main()
