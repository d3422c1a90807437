"""Published numbers beside simulated ones: every target's study is run as a virtual one, and judged by one rule."""
