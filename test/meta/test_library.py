"""libloam.so from outside: what it exports, what it imports, what runs when it is loaded, how much thread-local
storage it takes, and that it asks for the lines of the cache that it says it asks for.

Read with nm, readelf and objdump; the malloc family is not a list of ours but what this system's libc and libstdc++ export."""

import os
import re
import subprocess
import tempfile
import unittest

import house

LIBRARY = os.environ.get("LOAM_LIB", os.path.join(house.ROOT, "build", "lib", "libloam.so"))
IMPORTS = os.path.join(house.ROOT, "test", "meta", "imports.txt")

# Of libc's dynamic symbols these are about allocation. What is not a part of the family is named in LEFT_ALONE.
ABOUT_ALLOCATION = re.compile(r"alloc|memalign|mallinfo|mallopt|malloc|^_*(libc_)?c?free$")
LEFT_ALONE = re.compile(
    r"^_IO_.*doalloc"              # stdio's buffers: they call malloc
    r"|^__libc_allocate_rtsig$|^__sched_cpualloc$|fallocate(64)?$|^pkey_alloc$|^inet6_option_alloc$"  # other things
    r"|obstack"                    # its chunks come from the program's own function
    r"|^__(malloc|free|realloc|memalign|malloc_initialize|after_morecore)_hook$"  # dead since glibc 2.34
    r"|^_dl_(de)?allocate_tls")
C23 = {"free_sized", "free_aligned_sized"}
OPERATOR = re.compile(r"^_Z(nw|na|dl|da)")
STATIC_TLS_BYTES = 16
# Data with values in the file. The kernel maps 64 KiB of the file around each page that is read, into every process.
DATA_BYTES = 16 << 10
# Functions that ask for lines, and how many each asks for at least.
ASKING = {"_ZN4loam5check5touchEPKv": 8, "_ZN4loam5check11touch_freedEmPcPv": 4}


def run(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def dynamic(path, which):
    """(name, version or "") of the dynamic symbols of a shared object, `which` being nm's --defined-only or so. What
    only the C library itself may use (GLIBC_PRIVATE) is left out."""
    symbols = set()
    for line in run("nm", "-D", which, path).splitlines():
        name, _, version = line.split()[-1].partition("@")
        symbols.add((name, version.lstrip("@")))
    return symbols


def family(libc, libstdcxx):
    """What must be exported: names, from the symbols of the two libraries."""
    names = {name for name, version in libc
             if version != "GLIBC_PRIVATE" and ABOUT_ALLOCATION.search(name) and not LEFT_ALONE.search(name)}
    return names | {name for name, _ in libstdcxx if OPERATOR.match(name)}


def export_faults(exports, wanted):
    """exports: (name, version) of the library; wanted: names that must be there."""
    names = {name for name, _ in exports}
    faults = [f"not exported: {name}" for name in sorted(wanted - names)]
    faults += [f"exported, but no part of the malloc family: {name}" for name in sorted(names - wanted - C23)
               if not name.startswith("loam_")]
    faults += [f"exported with a version, so that it interposes nothing: {name}@{version}"
               for name, version in sorted(exports) if version]
    return faults


def allowed_imports(text):
    return {line.split("#")[0].strip() for line in text.splitlines()} - {""}


def import_faults(imports, allowed, needed):
    """imports: (name, version); needed: the DT_NEEDED names."""
    faults = [f"imported, but not in imports.txt: {name}@{version}" for name, version in sorted(imports)
              if name not in allowed]
    faults += [f"imported, but private to the C library: {name}" for name, version in sorted(imports)
               if version == "GLIBC_PRIVATE"]
    faults += [f"needs the library {name}" for name in sorted(needed) if name != "libc.so.6"]
    return faults


def layout(path):
    """What the loader will do with the library: section sizes, dynamic entries, program headers."""
    sections = {}
    for line in run("readelf", "-SW", path).splitlines():
        match = re.match(r"\s*\[\s*\d+\]\s+(\S+)\s+\S+\s+[0-9a-f]+\s+[0-9a-f]+\s+([0-9a-f]+)", line)
        if match:
            sections[match.group(1)] = int(match.group(2), 16)
    entries = run("readelf", "-dW", path)
    headers = run("readelf", "-lW", path)
    tls = re.search(r"^\s*TLS\s+\S+\s+\S+\s+\S+\s+\S+\s+0x([0-9a-f]+)", headers, re.M)
    return {
        "start functions": sections.get(".init_array", 0) // 8,
        "data": sections.get(".data", 0),
        "end functions": sections.get(".fini_array", 0) // 8,
        "other start or end code": sorted({".init", ".fini", ".ctors", ".dtors", ".preinit_array"} & set(sections)),
        "tls": int(tls.group(1), 16) if tls else 0,
        "needed": set(re.findall(r"\(NEEDED\).*\[(.+)\]", entries)),
        "soname": "".join(re.findall(r"\(SONAME\).*\[(.+)\]", entries)),
        "flags": " ".join(re.findall(r"\(FLAGS(?:_1)?\)\s+(.*)", entries)),
        "text relocations": "(TEXTREL)" in entries,
        "executable and writable": bool(re.search(r"^\s*\S+\s+0x.*\sRWE\s", headers, re.M)),
        "symbolic": "(SYMBOLIC)" in entries,
    }


def layout_faults(found):
    faults = []
    if found["start functions"] > 1:
        faults.append(f"{found['start functions']} start-up functions: there may be one, the runtime's start")
    if found["end functions"] > 1:
        faults.append(f"{found['end functions']} functions at exit: there may be one, which writes the last figures")
    if found["other start or end code"]:
        faults.append(f"code that runs at load or at exit: {found['other start or end code']}")
    if found["tls"] > STATIC_TLS_BYTES:
        faults.append(f"{found['tls']} bytes of static thread-local storage, {STATIC_TLS_BYTES} are allowed")
    if found["data"] > DATA_BYTES:
        faults.append(f"{found['data']} bytes of data that is not zero at start, {DATA_BYTES} are allowed: "
                      "let the state be valid when zero")
    if found["soname"] != "libloam.so.0":
        faults.append(f"soname {found['soname']!r}")
    for flag in ("NODELETE", "NOW"):
        if flag not in found["flags"].split():
            faults.append(f"no {flag} in its flags: {found['flags']}")
    if found["text relocations"] or found["executable and writable"]:
        faults.append("text relocations, or memory that is both writable and executable")
    return faults


def asking_faults(code, wanted):
    """code: what objdump says; wanted: function -> requests. A compiler that sees nothing but requests may drop them all."""
    faults = []
    for function, least in wanted.items():
        body = code.partition(f" <{function}>:\n")[2].partition("\n\n")[0]
        count = len(re.findall(r"\b(prefetch\w*|prfm)\b|\bcall\b.*\bask_for\b", body))
        if count < least:
            faults.append(f"{function}: asks for {count} lines, not for {least}")
    return faults


class TheTree(house.Check):
    def test_exports(self):
        libc = dynamic(run("gcc", "-print-file-name=libc.so.6").strip(), "--defined-only")
        libstdcxx = dynamic(run("gcc", "-print-file-name=libstdc++.so.6").strip(), "--defined-only")
        wanted = family(libc, libstdcxx)
        self.assertEqual(len([name for name in wanted if OPERATOR.match(name)]), 20)
        self.assertTrue({"malloc", "free", "cfree", "pvalloc", "mallinfo2", "__libc_memalign"} <= wanted, wanted)
        self.no_faults(export_faults(dynamic(LIBRARY, "--defined-only"), wanted))

    def test_imports(self):
        found = layout(LIBRARY)
        imports = dynamic(LIBRARY, "--undefined-only")
        self.no_faults(import_faults(imports, allowed_imports(house.read(IMPORTS)), found["needed"]))

    def test_layout(self):
        self.no_faults(layout_faults(layout(LIBRARY)))

    def test_asking(self):
        self.no_faults(asking_faults("".join(run("objdump", f"--disassemble={name}", LIBRARY) for name in ASKING), ASKING))


class TheChecker(unittest.TestCase):
    """Bad samples, which must be found."""

    def test_family(self):
        libc = {("malloc", "GLIBC_2.2.5"), ("newalloc_2030", "GLIBC_2.99"), ("pkey_alloc", "GLIBC_2.27"), ("open", "X"),
                ("__libc_reallocarray", "GLIBC_PRIVATE"), ("free", "GLIBC_2.2.5"), ("freeaddrinfo", "GLIBC_2.2.5")}
        self.assertEqual(family(libc, {("_Znwm", ""), ("_ZSt4cout", "")}), {"malloc", "newalloc_2030", "free", "_Znwm"})

    def test_exports(self):
        wanted = {"malloc", "free"}
        self.assertEqual(export_faults({("malloc", ""), ("free", ""), ("loam_version", ""), ("free_sized", "")}, wanted), [])
        self.assertEqual(len(export_faults({("malloc", ""), ("memcpy", "")}, wanted)), 2)
        self.assertEqual(len(export_faults({("malloc", "LOAM_0"), ("free", "")}, wanted)), 1)

    def test_asking(self):
        code = "00 <one>:\n 00:  prefetcht0 (%rax)\n 05:  ret\n\n10 <two>:\n 10:  prefetchw (%rcx)\n 15: ret\n\n"
        self.assertEqual(asking_faults(code, {"one": 1, "two": 1}), [])
        self.assertEqual(len(asking_faults(code, {"one": 2, "two": 1, "gone": 1})), 2)

    def test_imports(self):
        allowed = allowed_imports("# why\nmemcpy\n\nmemset # the compiler\n")
        self.assertEqual(allowed, {"memcpy", "memset"})
        self.assertEqual(import_faults({("memcpy", "GLIBC_2.14")}, allowed, {"libc.so.6"}), [])
        self.assertEqual(len(import_faults({("fopen", "GLIBC_2.2.5")}, allowed, {"libc.so.6", "libstdc++.so.6"})), 2)
        self.assertEqual(len(import_faults({("memset", "GLIBC_PRIVATE")}, allowed, set())), 1)

    def test_layout(self):
        source = """
            __thread char storage[24]; int count;
            char table[20000] = {1};
            __attribute__((constructor)) static void a(void) { count++; }
            __attribute__((constructor)) static void b(void) { count++; }
            __attribute__((destructor)) static void c(void) { count++; }
            __attribute__((destructor)) static void d(void) { count++; }
            char* mine(void) { return storage + table[0]; }
        """
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "bad.so")
            with open(path + ".c", "w", encoding="utf-8") as stream:
                stream.write(source)
            run("gcc", "-shared", "-fPIC", "-ftls-model=initial-exec", "-Wl,-z,lazy", "-o", path, path + ".c")
            faults = layout_faults(layout(path))
        for word in ("start-up functions", "functions at exit", "code that runs", "static thread-local", "not zero at start", "soname", "NODELETE", "NOW"):
            self.assertTrue(any(word in fault for fault in faults), (word, faults))


if __name__ == "__main__":
    unittest.main()
