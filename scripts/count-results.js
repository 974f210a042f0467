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
  const { numPassedTests, numFailedTests, numTotalTests, testResults } = JSON.parse(readFileSync(file, 'utf8'));
  passed += numPassedTests;
  failed += numFailedTests;
  // A file that breaks before its first test has no tests to count, and has failed all the same.
  failed += testResults.filter(
    ({ status, assertionResults }) => status === 'failed' && assertionResults.length === 0,
  ).length;
  const left = numTotalTests - numPassedTests - numFailedTests;
  if (left > 0) process.stdout.write(`${file}: ${left} tests did not run\n`);
  failed += left;
}
process.stdout.write(`${passed} passed, ${failed} failed\n`);
process.exitCode = failed > 0 || passed === 0 ? 1 : 0;
