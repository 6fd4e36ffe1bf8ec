"""Phones as a domain: what a phone asks for, what it gets. Knows no Flask, no database, no agent."""
