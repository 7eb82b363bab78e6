"""Whom to learn from: how far each author's masks can be trusted, and what that is judged by."""
