package control_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"ratemill/internal/control"
)

func TestDocumentsSettingsTokensAndAudit(t *testing.T) {
	onBoth(t, func(t *testing.T, s, other *control.Store) {
		ctx := t.Context()
		require.NoError(t, s.PutDocument(ctx, "catalogue", "c3", []byte("plans"), noon))
		require.NoError(t, other.PutDocument(ctx, "catalogue", "c3", []byte("plans"), at(1)))
		content, err := other.Document(ctx, "catalogue", "c3")
		require.NoError(t, err)
		require.Equal(t, "plans", string(content))
		_, err = s.Document(ctx, "rules", "c3")
		require.ErrorIs(t, err, control.ErrNotFound)

		e := control.Effective{From: at(-10), Hash: "c3", SetAt: noon, Who: "ana"}
		require.NoError(t, s.SetEffective(ctx, "catalogue", "main", 0, e))
		require.ErrorIs(t, s.SetEffective(ctx, "catalogue", "main", 0, e), control.ErrConflict)
		require.ErrorIs(t, s.SetEffective(ctx, "catalogue", "main", 5, e), control.ErrConflict)
		require.NoError(t, s.SetEffective(ctx, "catalogue", "main", 1, e))
		all, err := s.EffectiveDocuments(ctx, "catalogue", "main")
		require.NoError(t, err)
		e.Revision = 1
		require.Equal(t, e, all[0])
		require.Len(t, all, 2)

		value, err := s.SettingOrSet(ctx, "cluster", []byte("one"))
		require.NoError(t, err)
		require.Equal(t, "one", string(value))
		value, err = other.SettingOrSet(ctx, "cluster", []byte("two"))
		require.NoError(t, err)
		require.Equal(t, "one", string(value))
		require.NoError(t, s.SetSetting(ctx, "cluster", []byte("three"), 1))
		require.ErrorIs(t, other.SetSetting(ctx, "cluster", []byte("four"), 1), control.ErrConflict)

		number, err := s.AddToken(ctx, control.Token{Name: "grafana", Role: "read", Expires: at(60)}, "secret", noon)
		require.NoError(t, err)
		token, err := s.TokenOf(ctx, "secret", at(59))
		require.NoError(t, err)
		require.Equal(t, "grafana", token.Name)
		for _, secret := range []string{"secret", "other"} {
			_, err = s.TokenOf(ctx, secret, at(60))
			require.ErrorIs(t, err, control.ErrNotFound)
		}
		require.NoError(t, s.RevokeToken(ctx, number, at(1)))
		require.ErrorIs(t, s.RevokeToken(ctx, number, at(1)), control.ErrNotFound)
		_, err = s.TokenOf(ctx, "secret", at(2))
		require.ErrorIs(t, err, control.ErrNotFound)
		tokens, err := s.Tokens(ctx)
		require.NoError(t, err)
		require.Equal(t, at(1), tokens[0].Revoked)

		require.NoError(t, s.Audit(ctx, control.AuditEntry{At: noon, Who: "ana", What: "import", Subject: "registry", Detail: "3 SIMs"}))
		require.NoError(t, s.Audit(ctx, control.AuditEntry{At: at(1), Who: "bob", What: "suspense.drop"}))
		log, err := s.AuditLog(ctx, 10)
		require.NoError(t, err)
		require.Equal(t, []string{"bob", "ana"}, []string{log[0].Who, log[1].Who})
	})
}
