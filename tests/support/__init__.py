"""What several test files share: the checks of the architecture and the LaTeX renderers."""
