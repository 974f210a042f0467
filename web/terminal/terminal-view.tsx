import { useEffect, useRef } from 'preact/hooks';
import type { Screen } from './screen.ts';

export function TerminalView({ screen }: { readonly screen: Screen }) {
  const element = useRef<HTMLDivElement>(null);
  useEffect(() => (element.current === null ? undefined : screen.open(element.current)), [screen]);
  return <div class="screen" ref={element} />;
}
