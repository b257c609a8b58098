const { getDefaultConfig, mergeConfig } = require('@react-native/metro-config');
const { resolve } = require('node:path');

const root = resolve(__dirname, '../..');

/** The SDK is taken from this repository, as it is: Metro strips the types. */
module.exports = mergeConfig(getDefaultConfig(__dirname), {
  watchFolders: [root],
  resolver: {
    unstable_enablePackageExports: true,
    extraNodeModules: {
      '@aircheck/web': resolve(root, 'packages/web'),
      '@aircheck/protocol': resolve(root, 'packages/protocol'),
    },
  },
});
