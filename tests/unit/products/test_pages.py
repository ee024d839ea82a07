import html

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telamon.products.pages import read_page

LICENSE_PAGE = """<!doctype html><html><head><title>Set up &amp; license</title></head><body>
<form action="/secure/SetupLicense.jspa" method="post"><input type="hidden" name="atl_token" value="one"></form>
<form action="/secure/SetupLicense.jspa" method="post">
  <input type="hidden" name="atl_token" value="two">
  <textarea name="setupLicenseKey">typed</textarea>
  <select name="lang"><option value="en">E<option value="de" selected>D</select>
  <input type="radio" name="mode" value="private" checked><input type="radio" name="mode" value="public">
  <input type="checkbox" name="news" value="yes"><input type="submit" name="next" value="Next">
  <span class="error">Your license has <b>expired</b>.</span>
  <div class="aui-message aui-message-error"><p>Try another</p></div>
  <p class="terror-free errors-none">no complaint</p>
</form>"""


def test_a_form_is_found_by_a_field_that_it_has() -> None:
    page = read_page(LICENSE_PAGE)
    form = page.form_with({"setupLicenseKey"})
    assert len(page.forms) == 2
    assert form is not None
    assert form.values["atl_token"] == "two"
    assert page.form_with({"nothing"}) is None


def test_the_values_are_those_a_browser_would_send() -> None:
    form = read_page(LICENSE_PAGE).forms[1]
    assert form.values == {"atl_token": "two", "setupLicenseKey": "typed", "lang": "de", "mode": "private"}
    assert {"news", "next"} <= form.names


def test_what_the_page_complains_about_is_read() -> None:
    page = read_page(LICENSE_PAGE)
    assert page.title == "Set up & license"
    assert page.complaint == "Your license has expired.; Try another"


def test_a_complaint_is_cut_short() -> None:
    assert len(read_page(f"<p class='error'>{'x' * 5000}").complaint) == 400


def test_broken_markup_is_read_as_far_as_it_goes() -> None:
    page = read_page("<title>Half</title><form action=a><input name=b value=c><![bad[ <input name=d>")
    assert page.title == "Half"
    assert page.forms[0].values["b"] == "c"


@pytest.mark.timeout(30)
def test_a_page_of_open_tags_does_not_keep_the_reader_busy() -> None:
    page = read_page("<p class=error>deep" * 30_000 + "</q>" * 30_000)
    assert len(page.complaint) == 400


@given(st.text(alphabet="<>/!-[]=\"'abcdfimnoprstuxy \n", max_size=300))
def test_no_text_is_too_broken(text: str) -> None:
    read_page(text)


@given(st.text(max_size=80))
def test_a_value_survives_the_page(value: str) -> None:
    text = value.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")
    page = read_page(f'<form><input name="x" value="{html.escape(text)}"></form>')
    assert page.forms[0].values["x"] == text
