"""Phones as a domain: what a phone asks for, what it gets. No Flask, no database, no agent."""
