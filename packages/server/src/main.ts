#!/usr/bin/env node
import { keepCompiled } from './compile-cache.ts';

keepCompiled();
// All else is loaded only now: what is imported statically is compiled before the first line runs.
await import('./command.ts');
