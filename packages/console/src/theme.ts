import { type ThemeConfig, theme } from 'antd';

export type ColorScheme = 'light' | 'dark';

const fontFamily =
  'ui-sans-serif, system-ui, -apple-system, "Segoe UI", "PingFang SC", "Hiragino Sans GB", "Microsoft YaHei", "Noto Sans CJK SC", "Noto Sans SC", sans-serif';

/** The same colours as in styles.css, for Ant Design's own parts. */
const palettes = {
  light: {
    primary: '#0b7a6f',
    onPrimary: '#ffffff',
    background: '#f5f6f8',
    surface: '#ffffff',
    raised: '#ffffff',
    border: '#e3e6eb',
    text: '#14181f',
    textSecondary: '#59626f',
    textTertiary: '#7c8593',
    error: '#d92d34',
    warning: '#b26a00',
    success: '#16845a',
    selected: '#eef8f6',
    chosen: '#e2f3f0',
  },
  dark: {
    primary: '#2fc3af',
    onPrimary: '#04211d',
    background: '#0d1013',
    surface: '#14181d',
    raised: '#1b2026',
    border: '#272d35',
    text: '#e8ecf1',
    textSecondary: '#a3acb8',
    textTertiary: '#7b8592',
    error: '#ff6166',
    warning: '#e2a33c',
    success: '#3fc48c',
    selected: '#152523',
    chosen: '#1d3c3a',
  },
} as const;

/** Ant Design's theme for light or dark. */
export function antdTheme(scheme: ColorScheme): ThemeConfig {
  const palette = palettes[scheme];
  return {
    algorithm: scheme === 'dark' ? theme.darkAlgorithm : theme.defaultAlgorithm,
    token: {
      colorPrimary: palette.primary,
      colorInfo: palette.primary,
      colorLink: palette.primary,
      colorError: palette.error,
      colorWarning: palette.warning,
      colorSuccess: palette.success,
      colorBgLayout: palette.background,
      colorBgContainer: palette.surface,
      colorBgElevated: palette.raised,
      controlItemBgActive: palette.chosen,
      controlItemBgActiveHover: palette.chosen,
      colorBorder: palette.border,
      colorBorderSecondary: palette.border,
      colorTextBase: palette.text,
      colorTextSecondary: palette.textSecondary,
      colorTextTertiary: palette.textTertiary,
      fontFamily,
      fontSize: 14,
      borderRadius: 10,
      borderRadiusLG: 14,
      borderRadiusSM: 8,
      controlHeight: 38,
      controlHeightLG: 46,
      controlHeightSM: 30,
      wireframe: false,
    },
    components: {
      Button: {
        primaryColor: palette.onPrimary,
        primaryShadow: 'none',
        defaultShadow: 'none',
        dangerShadow: 'none',
        fontWeight: 550,
        contentFontSizeLG: 15,
      },
      Table: {
        headerSortActiveBg: 'transparent',
        headerSortHoverBg: 'transparent',
        bodySortBg: 'transparent',
        rowSelectedBg: palette.selected,
        rowSelectedHoverBg: palette.selected,
        headerBg: 'transparent',
        headerSplitColor: 'transparent',
        cellPaddingBlock: 14,
      },
      Tooltip: { colorBgSpotlight: scheme === 'dark' ? '#2b323a' : '#1d232b' },
      Checkbox: { borderRadiusSM: 5 },
      Drawer: { paddingLG: 20 },
      Segmented:
        scheme === 'dark'
          ? { itemSelectedBg: '#2c343d', trackBg: '#0f1317' }
          : { itemSelectedBg: '#ffffff', trackBg: '#e9ecef' },
      Form: { labelColor: palette.textSecondary, verticalLabelPadding: '0 0 6px', itemMarginBottom: 18 },
      Alert: { withDescriptionIconSize: 18, withDescriptionPadding: '12px 14px' },
    },
  };
}
