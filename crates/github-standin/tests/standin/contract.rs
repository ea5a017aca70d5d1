//! The schema against GitHub's own, and a client that is not ours (octokit) against the stand-in.
