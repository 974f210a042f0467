// Says whether freshly built images are the committed ones, and if not, why that may be.
// Usage: node compare.js COMMITTED BUILT
import { existsSync, readFileSync } from 'node:fs';

const [committed, built] = process.argv.slice(2);

if (!existsSync(`${committed}/manifest.json`)) {
  console.log('guest: there are no committed images to compare with');
} else {
  const before = JSON.parse(readFileSync(`${committed}/manifest.json`, 'utf8'));
  const now = JSON.parse(readFileSync(`${built}/manifest.json`, 'utf8'));
  for (const name of ['kernel', 'initramfs']) {
    const same = now[name].sha256 === before[name].sha256;
    const sameContent = now[name].unpackedSha256 === before[name].unpackedSha256;
    console.log(`guest: ${now[name].file}: ${now[name].size} bytes, sha256 ${now[name].sha256}`);
    if (same) console.log('guest:   the same as the committed one');
    else if (sameContent) console.log('guest:   the same content as the committed one, compressed differently');
    else console.log(`guest:   DIFFERS from the committed one, sha256 ${before[name].sha256}`);
  }
  const versions = (manifest) => [
    ...manifest.packages.map((item) => `${item.package} ${item.version}`),
    ...Object.values(manifest.toolchain),
  ];
  const older = versions(before);
  versions(now).forEach((version, index) => {
    if (version !== older[index]) console.log(`guest:   built with ${version}; the committed ones with ${older[index]}`);
  });
}
