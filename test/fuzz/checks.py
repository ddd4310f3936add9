"""Three of the checks of schemathesis, each without what no document can say to whoever makes the requests."""

import json
import re

import schemathesis
from schemathesis import checks
from schemathesis.core.parameters import ParameterLocation
from schemathesis.generation.meta import CoverageScenario
from schemathesis.specs.openapi import checks as openapi

# Why a request is refused although each of its parts, looked at alone, is what its schema says.
UNSAYABLE = re.compile(
    "|".join(
        [
            # Parameters, headers and fields that exclude or need one another.
            r"exclude",
            r"has no effect",
            r"is given in .+ too$",
            r"waits for nothing",
            r'needs "wait"$',
            r"this request only (replaces|creates)",
            r"has no ETag to compare",
            r"must be .+ or below it$",
            r"needs the Zk-Session header",
            r"a PUT to the root needs a condition",
            r"not valid base64$",
            # What the tree and the ensemble allow.
            r"exists, and replacing its data does not change its ACL$",
            r"cannot be deleted$",
            r"is changed by reconfiguration only$",
            r"must be .+ the number of voters$|must be all or a number from 1 to",
            # A setting of the node.
            r"\(limit pageEntriesMax\)",
            # No regular expression without lookahead, or none that a reader understands.
            r"can never match",
            r"repeated permission",
            r"acl: entry [0-9]+:",
            r'must not end with "/"',
            r"holds half of a surrogate pair$",
        ]
    )
)


def problem(response):
    """The body of a refusal, empty where it has none (HEAD) or another."""
    if "application/problem+json" not in str(response.headers.get("content-type")):
        return {}
    return json.loads(response.content or b"{}")


def misses_its_pattern(case):
    """Whether a header is not what its own pattern says: `0` or nothing, which the coverage phase takes for good."""
    for name, value in (case.headers or {}).items():
        parameter = case.operation.headers.get(name)
        pattern = parameter.definition.get("schema", {}).get("pattern") if parameter is not None else None
        if pattern is not None and not re.search(pattern, str(value)):
            return True
    return False


@schemathesis.check
def only_unsayable_refusals(ctx, response, case):
    """A request that fits its schemas is accepted."""
    if case.method == "HEAD" and response.status_code == 400:
        return None  # Without a body, and that of GET tells.
    if response.status_code == 400 and UNSAYABLE.search(problem(response).get("detail", "")):
        return None
    if response.status_code == 400 and misses_its_pattern(case):
        return None
    return openapi.positive_data_acceptance(ctx, response, case)


@schemathesis.check
def only_behind(ctx, response, case):
    """No failure of the server; a node that has not reached the zxid asked for has not failed."""
    if response.status_code == 503 and problem(response).get("code") == "BEHIND":
        return None
    return checks.not_a_server_error(ctx, response, case)


@schemathesis.check
def only_unread_headers(ctx, response, case):
    """
    A request that does not fit its schemas is refused. Headers that nobody knows are no part of it: schemathesis lets
    them pass, but not beside a header whose schema is an integer, which it holds against its text.
    """
    phase = case.meta.phase.data if case.meta is not None else None
    scenario = getattr(phase, "scenario", None)
    if scenario == CoverageScenario.OBJECT_UNEXPECTED_PROPERTIES and phase.parameter_location == ParameterLocation.HEADER:
        return None
    return openapi.negative_data_rejection(ctx, response, case)


def capped(value, most):
    """A number, or a text of one, that is at most `most`; anything else unchanged."""
    if isinstance(value, str):
        return str(most) if value.isdecimal() and int(value) > most else value
    return most if isinstance(value, int) and not isinstance(value, bool) and value > most else value


@schemathesis.hook
def before_call(context, case, kwargs):
    """
    A node waits for a zxid that it has not reached, and a long poll for a change that nobody makes: a run would be
    minutes of nothing. What is sent becomes smaller; what is no number stays the bad value that it is.
    """
    query, headers = case.query or {}, case.headers or {}
    if "from" in query:
        query["from"] = capped(query["from"], 1)
    if isinstance(query.get("wait"), str) and re.fullmatch(r"[0-9]{1,15}(ms|s|m|h)", query["wait"], re.ASCII):
        query["wait"] = "10ms"
    for name in [name for name in headers if name.lower() == "zk-min-zxid"]:
        headers[name] = capped(headers[name], 1)
    for name in [name for name in headers if name.lower() == "last-event-id"]:
        zxid, dot, index = str(headers[name]).partition(".")
        headers[name] = capped(zxid, 1) + dot + index
