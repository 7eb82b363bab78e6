import { computed, readonly, ref } from "vue";
import * as api from "../../api/session";
import type { Role, Session } from "../../api/types";

const RANK: Record<Role, number> = { person: 0, reviewer: 1, operator: 2 };

const session = ref<Session | null>(null);
let loading: Promise<void> | null = null;

/** Who is here, and what they agreed to. Read once, then kept in step with every answer. */
export function useSession() {
  const user = computed(() => session.value?.user ?? null);

  return {
    session: readonly(session),
    user,
    consent: computed(() => session.value?.consent ?? false),
    consentAsked: computed(() => session.value?.consent_asked ?? false),
    allows: (role: Role) => user.value !== null && RANK[user.value.role] >= RANK[role],
    ready,
    login: async (username: string, password: string) => {
      await ready(); // brings the CSRF cookie, and must not answer after the login
      session.value = await api.login(username, password);
    },
    logout: async () => void (session.value = await api.logout()),
    /** About all photos, or about one alone. */
    giveConsent: async (consent: boolean, photo?: string) =>
      void (session.value = photo ? await api.giveConsentTo(photo, consent) : await api.giveConsent(consent)),
    reload: async () => void (session.value = await api.readSession()),
  };
}

function ready(): Promise<void> {
  loading ??= api
    .readSession()
    .then((answer) => void (session.value = answer))
    .catch((error) => {
      loading = null; // the next page tries again
      throw error;
    });
  return loading;
}
