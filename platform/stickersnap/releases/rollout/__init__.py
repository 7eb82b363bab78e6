"""From passing the gate to serving everyone: shadow, canary, full; and the student behind a large champion."""
