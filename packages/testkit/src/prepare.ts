/*
 * Run by npm before the tests: sees to it that the programs they need besides Node are there.
 */
import { spawnSync } from 'node:child_process';
import { findChromium } from './browser.ts';

interface Need {
  readonly what: string;
  readonly package: string;
  /** Without it some tests are left out, and say so. */
  readonly optional?: true;
  found(): boolean;
}

/** Finds a program by asking it for its version. */
function runs(program: string): boolean {
  return spawnSync(program, [program.endsWith('nginx') ? '-v' : '-version'], { stdio: 'ignore' }).status === 0;
}

const needs: readonly Need[] = [
  { what: 'Chromium', package: 'chromium', found: () => findChromium() !== undefined },
  { what: 'ffmpeg', package: 'ffmpeg', found: () => runs('ffmpeg') },
  { what: 'ffprobe', package: 'ffmpeg', found: () => runs('ffprobe') },
  { what: 'nginx', package: 'nginx-light', optional: true, found: () => runs('nginx') || runs('/usr/sbin/nginx') },
];

function missing(): readonly Need[] {
  return needs.filter((need) => !need.found());
}

function install(packages: readonly string[]): void {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  process.stderr.write(`Installing ${packages.join(', ')} for the tests\n`);
  // Progress goes to standard error, so that what a test reporter prints stays clean.
  const stdio = ['ignore', 2, 2] as const;
  for (const args of [['update'], ['install', '-y', '--no-install-recommends', ...packages]]) {
    spawnSync('apt-get', args, { env, stdio: [...stdio] });
  }
}

const wanted = missing();
if (wanted.length > 0) {
  const packages = [...new Set(wanted.map((need) => need.package))];
  const canInstall = process.getuid?.() === 0 && spawnSync('apt-get', ['--version'], { stdio: 'ignore' }).status === 0;
  if (canInstall) install(packages);
  const still = missing().filter(({ optional }) => !optional);
  if (still.length > 0) {
    const programs = still.map((need) => need.what).join(', ');
    process.stderr.write(
      `The tests need ${programs}: install the packages ${packages.join(' and ')} (for instance with ` +
        `"sudo apt-get install ${packages.join(' ')}"), or name a Chromium by AIRCHECK_CHROMIUM; then try again.\n`,
    );
    process.exit(1);
  }
}
