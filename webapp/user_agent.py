"""What a browser says of itself, made fit to store and to show."""

import ua_parser


def browser_and_os(user_agent: str) -> tuple[str, str]:
    found = ua_parser.parse(printable(user_agent, 300))
    browser, system = found.user_agent, found.os
    return (
        printable(f"{browser.family} {browser.major or ''}".strip(), 60) if browser else "",
        printable(f"{system.family} {system.major or ''}".strip(), 60) if system else "",
    )


def printable(text: str, longest: int) -> str:
    """Cut, with control characters replaced: no forged log lines, no NUL for PostgreSQL."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text[:longest])
