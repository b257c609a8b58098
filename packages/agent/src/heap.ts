import { setFlagsFromString } from 'node:v8';

/*
 * Most of what is allocated are packets, which die young: the young generation grows to 8 MiB at once instead of by
 * doubling, so that they are not taken for old ones, and the heap may grow to five times what lives in it before the old
 * generation is collected. As for the server's media workers, which get it as flags of their command line.
 */
setFlagsFromString('--semi-space-growth-factor=8');
setFlagsFromString('--heap-growing-percent=400');
