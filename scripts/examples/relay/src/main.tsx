// Puts the app into the page.
import { Component, StrictMode, Suspense, type ReactNode } from "react";
import { createRoot } from "react-dom/client";
import { RelayEnvironmentProvider } from "react-relay";
import { App } from "./App";
import { environment } from "./environment";

/** Says what went wrong in the place of what cannot be shown. */
class Failure extends Component<{ children: ReactNode }, { error: Error | null }> {
  override state = { error: null as Error | null };

  static getDerivedStateFromError(error: Error) {
    return { error };
  }

  override render() {
    return this.state.error ? <p role="alert">{this.state.error.message}</p> : this.props.children;
  }
}

const place = document.getElementById("app");
if (!place) throw new Error("the page has no place for the app");
createRoot(place).render(
  <StrictMode>
    <RelayEnvironmentProvider environment={environment}>
      <Failure>
        <Suspense fallback={<p>Loading…</p>}>
          <App />
        </Suspense>
      </Failure>
    </RelayEnvironmentProvider>
  </StrictMode>,
);
