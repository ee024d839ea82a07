from telamon.products.notes import refused_logins, standing


def test_a_step_in_doubt_stays_in_doubt_for_a_while() -> None:
    notes = [(10.0, "posted:a")]
    assert standing(notes, now=20.0, patience=300.0) == {"posted:a"}
    assert standing(notes, now=311.0, patience=300.0) == frozenset()


def test_the_last_word_about_a_step_counts() -> None:
    notes = [(1.0, "posted:a"), (2.0, "passed:a"), (3.0, "posted:b"), (4.0, "refused:b"), (5.0, "posted:c")]
    assert standing(notes, now=6.0, patience=300.0) == {"passed:a", "posted:c"}
    assert standing([*notes, (6.0, "posted:b")], now=6.0, patience=300.0) == {
        "passed:a",
        "posted:b",
        "posted:c",
    }


def test_refused_logins_are_counted_in_a_row() -> None:
    refused = ["login-refused:administrator", "login-refused:service-account"]
    notes = list(enumerate([*refused, "login-accepted", refused[0]]))
    assert refused_logins([]) == 0
    assert refused_logins(notes[:2]) == 2
    assert refused_logins(notes) == 1


def test_a_retry_ends_doubts_and_refusals_but_undoes_nothing() -> None:
    notes = [(1.0, "posted:a"), (2.0, "passed:b"), (3.0, "login-refused:administrator")]
    assert standing(notes, now=5.0, patience=300.0, since=4.0) == {"passed:b"}
    assert refused_logins(notes, since=4.0) == 0
    assert refused_logins([*notes, (4.0, "login-refused:administrator")], since=4.0) == 1


def test_a_page_that_shows_long_after_it_was_taken_is_due_again() -> None:
    assert standing([(1.0, "passed:a")], now=400.0, patience=300.0) == frozenset()
