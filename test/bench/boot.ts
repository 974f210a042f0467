// The boot of vm9's own image.
import { measureBoots } from './boots.ts';

await measureBoots();
