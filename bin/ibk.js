#!/usr/bin/env node
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  process.stderr.write(`ibk needs Node 20.19 or newer; this is ${process.version}.\n`);
  process.exit(2);
}
// Asked for by scripts, often: answered without loading the program.
if (/^(-V|--version)$/.test(process.argv[2] ?? '') && process.argv.length === 3) {
  const { VERSION } = await import('../dist/version.js');
  process.stdout.write(`ibk ${VERSION}\n`);
} else {
  // Where much is received or sent: before the program is loaded, while V8's new space is small.
  const isSimulator = process.argv[2] === 'sim';
  if (isSimulator || process.argv.includes('backup')) {
    const { collectYoungGarbageAlone, collectYoungGarbageOften } = await import('../dist/io/young-garbage.js');
    if (isSimulator) collectYoungGarbageAlone(process);
    else collectYoungGarbageOften(process);
  }
  // The modules of a command in few files: to find and open 250 of them takes longer than to say hello to an iPhone.
  const { main } = await import('../dist/program/cli.js');
  await main();
}
