// Loaded before a program with `node --require`: when it ends, the peak of its memory goes to $PEAK_MEMORY_FILE. Linux only: it reads /proc.
const fs = require('node:fs');
process.on('exit', () => {
  if (process.platform !== 'linux' || !process.env.PEAK_MEMORY_FILE) return;
  const peak = /VmHWM:\s+(\d+) kB/.exec(fs.readFileSync('/proc/self/status', 'latin1'));
  fs.writeFileSync(process.env.PEAK_MEMORY_FILE, String(Number(peak[1]) * 1024));
});
