"""What every problem says, whoever raises it."""

from __future__ import annotations

from infra.http.problem_codes import PROBLEM_TYPES
from infra.http.problems import Problem


def test_every_problem_that_may_pass_says_when_to_ask_again() -> None:
    asked_again = {code for code in PROBLEM_TYPES if "Retry-After" in Problem(code).headers}
    assert asked_again == {code for code, kind in PROBLEM_TYPES.items() if kind.status == 503}


def test_who_raises_a_problem_may_know_better_when_it_passes() -> None:
    assert Problem("overloaded", headers={"Retry-After": "2"}).headers == {"Retry-After": "2"}
