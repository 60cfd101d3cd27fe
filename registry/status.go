package registry

import (
	"encoding/json"
	"fmt"
)

// AccountStatus contains the fields of an account's status that other packages read. The package account owns the
// whole value.
type AccountStatus struct {
	Status  string `json:"status"`
	Cascade string `json:"cascade,omitempty"` // the cause of the cascade that set the status
}

// ReadAccountStatus reads the value of a statement of KindStatus.
func ReadAccountStatus(value []byte) (s AccountStatus, err error) {
	if err = json.Unmarshal(value, &s); err != nil {
		err = fmt.Errorf("registry: %q is not a status of an account: %w", value, err)
	}
	return s, err
}

// SIMsFollow contains the fields in an account's details that decide about its SIMs.
type SIMsFollow struct {
	SuspendSIMs *bool `json:"suspend_sims,omitempty"` // whether they are suspended with the account; nil: as set for the account above
}

// ReadSIMsFollow reads the value of a statement of KindDetails.
func ReadSIMsFollow(value []byte) (f SIMsFollow, err error) {
	if err = json.Unmarshal(value, &f); err != nil {
		err = fmt.Errorf("registry: %q are no details of an account: %w", value, err)
	}
	return f, err
}
