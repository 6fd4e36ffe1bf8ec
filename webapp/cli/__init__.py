"""The belldesk command."""

import click
from flask import Flask

from webapp import create_app


def application() -> Flask:
    return create_app()


@click.group()
def main() -> None:
    """Belldesk: phones, computers, customers and team in one desk."""
