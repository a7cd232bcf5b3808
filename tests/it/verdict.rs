//! Verdicts of small evidence folders, from the bytes to `verdict.json`.
