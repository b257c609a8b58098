export { registerTencentApi, type TencentApiOptions } from './routes.ts';
