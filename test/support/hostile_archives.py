"""Archives that no honest program makes, into the folder argv[1]: names that lead away, links, devices, duplicates, lies, bombs. By Python's tarfile and zipfile."""
import io, os, stat, struct, sys, tarfile, zipfile

out = sys.argv[1]
PAYLOAD = 'ab/' + 'ab' * 20


def tar(name, *entries, mode='w'):
    with tarfile.open(os.path.join(out, name), mode, format=tarfile.PAX_FORMAT) as archive:
        for entry in entries:
            archive.addfile(entry, io.BytesIO(b'x' * entry.size) if entry.isreg() else None)


def entry(name, kind=tarfile.REGTYPE, size=10, target=''):
    info = tarfile.TarInfo(name)
    info.type, info.size, info.linkname = kind, size if kind == tarfile.REGTYPE else 0, target
    return info


good = entry('backup/Status.plist')
tar('unsafe-parent.tar', good, entry('../escaped.txt'))
tar('unsafe-inside.tar', good, entry('backup/../../' + PAYLOAD))
tar('unsafe-absolute.tar', good, entry('/tmp/ibk-escaped.txt'))
tar('unsafe-drive.tar', good, entry('C:/escaped.txt'))
tar('unsafe-symlink.tar', entry('backup/ab', tarfile.SYMTYPE, target='/tmp'), entry('backup/' + PAYLOAD))
tar('unsafe-hardlink.tar', good, entry('backup/Info.plist', tarfile.LNKTYPE, target='/etc/passwd'))
tar('unsafe-device.tar', good, entry('backup/Info.plist', tarfile.CHRTYPE))
tar('unsafe-pipe.tar', good, entry('backup/Info.plist', tarfile.FIFOTYPE))
tar('unsafe-long.tar', good, entry('n' * 100_000))
tar('unsafe-longish.tar', good, entry('n' * 2000))
tar('damaged-twice.tar', good, good)
tar('damaged-short.tar', good, entry('backup/' + PAYLOAD, size=100_000))
with open(os.path.join(out, 'damaged-short.tar'), 'r+b') as f:
    f.truncate(20_000)
tar('damaged-no-end.tar', good)
with open(os.path.join(out, 'damaged-no-end.tar'), 'r+b') as f:
    f.truncate(1024)
tar('damaged-cut.tar.gz', good, entry('backup/' + PAYLOAD, size=100_000), mode='w:gz')
with open(os.path.join(out, 'damaged-cut.tar.gz'), 'r+b') as f:
    f.truncate(os.path.getsize(f.name) - 30)
tar('unsafe-nameless.tar.gz', good, entry('x', size=10), mode='w:gz')
tar('not_found-nothing.tar', entry('backup/readme.txt'))
tar('usage-several.tar', entry('one/Status.plist'), entry('two/Status.plist'))
with open(os.path.join(out, 'unsafe-size.tar'), 'wb') as f:
    # A size of eight exabytes, in base 256.
    header = bytearray(entry('backup/Status.plist').tobuf(tarfile.GNU_FORMAT)[:512])
    header[124:136] = b'\x80\0\0\0' + struct.pack('>Q', 1 << 52)
    header[148:156] = b' ' * 8
    header[148:156] = b'%06o\0 ' % sum(header)
    f.write(header + b'x' * 1024)


def zipped(name, *entries, method=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(os.path.join(out, name), 'w', method) as archive:
        for path, content, mode in entries:
            info = zipfile.ZipInfo(path)
            info.external_attr, info.compress_type, info.create_system = mode << 16, method, 3
            archive.writestr(info, content)


FILE = stat.S_IFREG | 0o600
status = ('backup/Status.plist', b'x' * 10, FILE)
zipped('unsafe-parent.zip', status, ('../escaped.txt', b'x', FILE))
zipped('unsafe-backslash.zip', status, ('..\\escaped.txt', b'x', FILE))
zipped('unsafe-absolute.zip', status, ('/tmp/ibk-escaped.txt', b'x', FILE))
zipped('unsafe-link.zip', ('backup/ab', b'/tmp', stat.S_IFLNK | 0o777), ('backup/' + PAYLOAD, b'x', FILE))
zipped('unsafe-device.zip', status, ('backup/Info.plist', b'', stat.S_IFCHR | 0o600))
zipped('unsafe-long.zip', status, ('n' * 60_000, b'x', FILE))
zipped('damaged-twice.zip', status, status)
zipped('damaged-cut.zip', status, ('backup/' + PAYLOAD, os.urandom(100_000), FILE))
with open(os.path.join(out, 'damaged-cut.zip'), 'r+b') as f:
    f.truncate(90_000)


def lie(name, field, value):
    """Changes a field of the central directory's last record."""
    zipped(name, status, ('backup/' + PAYLOAD, bytes(1000), FILE))
    path = os.path.join(out, name)
    content = bytearray(open(path, 'rb').read())
    at = content.rfind(b'PK\x01\x02')
    content[at + field:at + field + 4] = struct.pack('<I', value)
    open(path, 'wb').write(content)


lie('damaged-smaller.zip', 24, 10)
lie('damaged-larger.zip', 24, 5000)
lie('damaged-checksum.zip', 16, 12345)
lie('damaged-offset.zip', 42, 2**31)
lie('unsafe-bomb.zip', 24, 2**31)
