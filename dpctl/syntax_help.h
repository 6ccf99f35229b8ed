// How fields and actions are written, from the attribute tables: `dpctl help fields`. Pure.
#pragma once

#include <string>

namespace sluice::dpctl {

std::string FieldsHelp();
std::string ActionsHelp();

}  // namespace sluice::dpctl
