"""Documents to JSON and back, again and again: what recording costs python3 is measured with it (PYTHONMALLOC=malloc)."""
import json
import sys
import time

begin = time.monotonic()
document = {"rows": [{"id": i, "name": f"row {i}", "values": [i * 0.5, i * 2, str(i)]} for i in range(500)]}
for _ in range(int(sys.argv[1]) if len(sys.argv) > 1 else 300):
    document = json.loads(json.dumps(document))
print(f"cpu {time.process_time():.4f} wall {time.monotonic() - begin:.4f}", file=sys.stderr)
