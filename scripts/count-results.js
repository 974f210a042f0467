// Adds up the results that vitest has written: node scripts/count-results.js FILE… Before that, what has failed, and how: a log
// that is cut at its beginning still tells it. Its last line is "N passed, N failed".
import { existsSync, readFileSync } from 'node:fs';
import { stripVTControlCharacters } from 'node:util';

/** How much is told of one failure, and of how many. */
const most = { lines: 15, characters: 400, failures: 30 };

let passed = 0;
let failed = 0;
let told = 0;

/** Prints what has failed, how its message begins and ends, and of its stack the first place in our own code. */
function tell(name, messages) {
  told += 1;
  if (told > most.failures) return;
  const lines = stripVTControlCharacters(messages.join('\n'))
    .split(/[\r\n]+/)
    .filter((line) => line.trim() !== '');
  const isPlace = (line) => /^\s+at .*(:\d+:\d+|<anonymous>)\)?$/.test(line);
  const place = lines.find((line) => isPlace(line) && !/node_modules|node:|<anonymous>/.test(line));
  const text = lines.filter((line) => !isPlace(line) || line === place);
  text.splice(1, Math.max(text.length - most.lines, 0));
  const cut = (line) => (line.length > most.characters ? `${line.slice(0, most.characters - 1)}…` : line);
  process.stdout.write([`FAILED ${name}`, ...text.map((line) => `  ${line}`)].map(cut).join('\n') + '\n');
}

for (const file of process.argv.slice(2)) {
  if (!existsSync(file)) {
    process.stdout.write(`${file} was not written: its suite has failed as a whole\n`);
    failed += 1;
    continue;
  }
  const { success, numPassedTests, numFailedTests, numTotalTests, testResults } = JSON.parse(
    readFileSync(file, 'utf8'),
  );
  passed += numPassedTests;
  for (const { assertionResults } of testResults)
    for (const test of assertionResults) if (test.status === 'failed') tell(test.fullName.trim(), test.failureMessages);
  const left = numTotalTests - numPassedTests - numFailedTests;
  if (left > 0) process.stdout.write(`${file}: ${left} tests did not run\n`);
  // A file can fail without a test of it: before the first, or after the last.
  const broken = testResults.filter(
    ({ status, assertionResults }) => status === 'failed' && assertionResults.every((test) => test.status !== 'failed'),
  );
  for (const { name, message } of broken) tell(`${name}, outside its tests`, [message]);
  const found = numFailedTests + left + broken.length;
  if (!success && found === 0) process.stdout.write(`${file}: an error outside all tests\n`);
  failed += success ? found : Math.max(found, 1);
}
if (told > most.failures) process.stdout.write(`and ${told - most.failures} more have FAILED\n`);
process.stdout.write(`${passed} passed, ${failed} failed\n`);
process.exitCode = failed > 0 || passed === 0 ? 1 : 0;
