#!/usr/bin/env node
'use strict';
/*
 * The program of the installed package. In words that every Node reads: one that is too old for the agent is told so, where
 * the agent itself would end it with an error of its syntax.
 */
const needed = require('./package.json').engines.node.replace('>=', '');

if (Number.parseInt(process.versions.node, 10) < Number.parseInt(needed, 10)) {
  process.stderr.write(
    `aircheck-agent: needs Node ${needed} or newer, and this is ${process.versions.node}: https://nodejs.org\n`,
  );
  process.exitCode = 1;
} else {
  import('./agent.js');
}
