import type { App } from 'cdktf';
import { PlatformStack } from './platform-stack';
import { ShopStack } from './shop-stack';

/** A platform in a network and on a bucket that exist, composed in stacks of one's own. */
export function build(app: App): void {
  const { platform, orders } = new PlatformStack(app, 'shop-platform');
  new ShopStack(app, 'shop', { platform, orders });
}
