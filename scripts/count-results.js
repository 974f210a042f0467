// Adds up the results that vitest has written: node scripts/count-results.js FILE… Its last line is "N passed, N failed".
import { existsSync, readFileSync } from 'node:fs';

let passed = 0;
let failed = 0;
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
  const left = numTotalTests - numPassedTests - numFailedTests;
  if (left > 0) process.stdout.write(`${file}: ${left} tests did not run\n`);
  // A file can fail without a test of it: before the first, or after the last.
  const broken = testResults.filter(
    ({ status, assertionResults }) => status === 'failed' && assertionResults.every((test) => test.status !== 'failed'),
  );
  for (const { name } of broken) process.stdout.write(`${name} failed outside its tests\n`);
  const found = numFailedTests + left + broken.length;
  if (!success && found === 0) process.stdout.write(`${file}: an error outside all tests\n`);
  failed += success ? found : Math.max(found, 1);
}
process.stdout.write(`${passed} passed, ${failed} failed\n`);
process.exitCode = failed > 0 || passed === 0 ? 1 : 0;
