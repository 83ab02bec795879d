// A box that asks for more whenever its reader comes to the end of it.
import { useEffect, useRef, type ReactNode } from "react";

interface Props {
  label: string;
  hasNext: boolean;
  isLoading: boolean;
  onEnd: () => void;
  children: ReactNode;
}

export function Scroll({ label, hasNext, isLoading, onEnd, children }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const end = useRef<HTMLParagraphElement>(null);
  useEffect(() => {
    if (!hasNext || isLoading || !end.current) return;
    const seen = new IntersectionObserver((entries) => entries.some((entry) => entry.isIntersecting) && onEnd(), {
      root: box.current,
    });
    seen.observe(end.current);
    return () => seen.disconnect();
  }, [hasNext, isLoading, onEnd]);
  return (
    // Reachable by keyboard, so that it can be scrolled by keyboard.
    <div className="scroll" ref={box} role="region" aria-label={label} tabIndex={0}>
      {children}
      <p ref={end}>{hasNext ? "Loading more…" : "That is all."}</p>
    </div>
  );
}
